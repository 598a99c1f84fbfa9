// The program: parses, and only then loads what runs models.

#include <dlfcn.h>
#include <iostream>

#include "commands.h"
#include "options.h"

int main(int argc, char** argv) {
  attune::cli::Options options;
  const int code = attune::cli::parse(argc, argv, options);
  if (code >= 0) return code;
  void* library = dlopen("libattune_cli.so", RTLD_NOW | RTLD_GLOBAL);
  auto* run = library == nullptr ? nullptr : reinterpret_cast<attune::cli::Run*>(dlsym(library, "attune_cli_run"));
  if (run == nullptr) {
    std::cerr << "attune: the installation is incomplete: " << dlerror() << '\n';
    return 6;
  }
  return run(options);
}
