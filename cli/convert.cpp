// attune convert: a model as another kind of file.

#include <algorithm>
#include <fstream>
#include <iostream>

#include <attune/sdk/error.h>

#include "commands.h"
#include "formats/formats.h"
#include "image/output_file.h"

namespace attune::cli {
namespace {

std::string choices(const std::vector<OwnFile>& kinds) {
  std::string text;
  for (size_t i = 0; i < kinds.size(); ++i)
    text += (i == 0 ? "" : i + 1 < kinds.size() ? ", " : " or ") + kinds[i].extension;
  return text;
}

}  // namespace

int convert(const ConvertOptions& options) {
  const std::filesystem::path output(options.output);
  TrainingModel model(read_model(options.model, at::kCPU));
  std::vector<OwnFile> kinds = other_files(model.source());
  const auto find = [&] {
    return std::find_if(kinds.begin(), kinds.end(), [&](auto& kind) { return kind.extension == output.extension(); });
  };
  if (output.extension() == ".pt") {
    for (const std::string& remark : model.source().remarks) std::cerr << "attune: note: " + remark + "\n";
    OutputFile file(output);
    std::ofstream archive(file.temporary(), std::ios::binary);
    model.save(archive);
    file.commit();
  } else if (const auto kind = find(); kind != kinds.end()) {
    OutputFile file(output);
    kind->write(file.temporary(), model.state());
    file.commit();
  } else {
    kinds.insert(kinds.begin(), {".pt", {}});
    throw Error(Fault::usage, output.string() + ": the ending tells what to write, and of '" + options.model +
                                  "' that is " + choices(kinds));
  }
  std::cout << output.string() << " written\n";
  return 0;
}

}  // namespace attune::cli
