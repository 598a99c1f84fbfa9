// attune schema: what files may say, for editors.

#include <iostream>

#include <attune/spec.h>

#include "commands.h"
#include "session.h"
#include "spec/train_config.h"

namespace attune::cli {

int schema(const SchemaOptions& options) {
  std::cout << (options.of == "train" ? train_schema() : spec_schema(load_catalogue(options.plugin_dirs)));
  return 0;
}

}  // namespace attune::cli
