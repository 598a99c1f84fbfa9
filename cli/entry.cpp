#include <csignal>
#include <filesystem>
#include <iostream>
#include <limits>
#include <malloc.h>
#include <string>
#include <unistd.h>

#include <attune/maps.h>
#include <attune/sdk/error.h>
#include <attune/spec.h>

#include "commands.h"
#include "image/image.h"
#include "image/npy.h"
#include "image/output_file.h"
#include "model/failure.h"
#include "model/graph/compat.h"

namespace attune::cli {
namespace {

// Nothing half-written stays behind; 128 + signal is what shells expect.
void interrupted(int signal) {
  remove_unfinished_outputs();
  _exit(128 + signal);
}

// Freed memory stays with the process. Tensors come and go in every operation; giving their pages back and faulting
// them in again takes up to a tenth of a forward pass.
void keep_freed_memory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
#endif
}

// LibTorch's warnings are for whoever calls it, not for whoever calls attune.
class Unsaid : public c10::WarningHandler {
 public:
  void process(ATTUNE_WARNING) override {}
};

int dispatch(const Options& options) {
  if (options.command == "layers") return layers(options.layers);
  if (options.command == "convert") return convert(options.convert);
  if (options.command == "heatmap") return heatmap(options.heatmap);
  if (options.command == "loss") return loss(options.loss);
  if (options.command == "validate") return validate(options.validate);
  if (options.command == "schema") return schema(options.schema);
  if (options.command == "plugins") return plugins(options.plugins);
  if (options.command == "describe") return describe(options.describe);
  if (options.command == "doctor") return doctor(options.doctor);
  if (options.command == "check") return check(options.check);
  if (options.command == "new") return scaffold(options.scaffold);
  if (options.command == "bench") return bench(options.bench);
  if (options.command == "train") return train(options.train);
  if (options.command == "evaluate") return evaluate(options.evaluate);
  if (options.command == "ablate") return ablate(options.ablate);
  return demo(options.demo);
}

int fail(Fault fault, const std::string& message) {
  std::cerr << "attune: " << printable(message) << '\n';
  return static_cast<int>(fault);
}

}  // namespace
}  // namespace attune::cli

int attune_cli_run(const attune::cli::Options& options) {
  using attune::Fault;
  std::signal(SIGINT, attune::cli::interrupted);
  std::signal(SIGTERM, attune::cli::interrupted);
  attune::cli::keep_freed_memory();
  attune::read_target_files([](const std::string& path) {
    return std::filesystem::path(path).extension() == ".npy" ? attune::read_npy(path) : attune::read_image(path);
  });
  attune::cli::Unsaid unsaid;
  const ATTUNE_WARNINGS::WarningHandlerGuard warnings(&unsaid);
  std::signal(SIGXFSZ, SIG_IGN);  // a full quota is an error of the write
  try {
    const int code = attune::cli::dispatch(options);
    if (!std::cout.flush()) return attune::cli::fail(Fault::output, "standard output cannot be written");
    return code;
  } catch (const attune::SpecError& error) {  // every line begins with its file and place, as editors expect
    std::cerr << error.what() << '\n';
    return static_cast<int>(error.fault());
  } catch (const attune::Error& error) {
    return attune::cli::fail(error.fault(), error.what());
  } catch (const std::bad_alloc&) {
    return attune::cli::fail(Fault::run, "not enough memory; try a smaller batch");
  } catch (...) {
    return attune::cli::fail(Fault::run, attune::reason_of_current());
  }
}
