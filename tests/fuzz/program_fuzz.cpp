// The reader of torch.export's programs against any bytes: a model, or an Error of one sentence, and nothing else. What
// begins as a zip is taken as a file, anything else as the program of a sound one.
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <unistd.h>

#include <attune/sdk/error.h>

#include "exported.h"
#include "formats/exported/exported.h"
#include "formats/exported/program.h"

namespace {

using namespace attune;
using test::tensor;

// conv - relu - mean - linear.
test::ExportedProgram network() {
  test::ExportedProgram p({3, 8, 8});
  const std::string kernel = p.parameter("conv.weight", at::ones({4, 3, 3, 3}) * 0.1),
                    weight = p.parameter("fc.weight", at::ones({2, 4}));
  p.node("torch.ops.aten.conv2d.default", {{"input", tensor("x")}, {"weight", tensor(kernel)}},
         {{"conv", "conv.Conv2d"}});
  p.node("torch.ops.aten.relu.default", {{"self", tensor("v0")}}, {{"relu", "activation.ReLU"}});
  p.node("torch.ops.aten.mean.dim", {{"self", tensor("v1")}, {"dim", {{"as_ints", {2, 3}}}}});
  p.node("torch.ops.aten.linear.default", {{"input", tensor("v2")}, {"weight", tensor(weight)}},
         {{"fc", "linear.Linear"}});
  return p;
}

std::filesystem::path own_file() {
  static const std::filesystem::path file =
      std::filesystem::temp_directory_path() / ("attune-fuzz-" + std::to_string(getpid()) + ".pt2");
  return file;
}

void read(const std::string& bytes) {
  if (bytes.compare(0, 2, "PK") == 0) {
    std::ofstream(own_file(), std::ios::binary | std::ios::trunc) << bytes;
  } else {
    static const test::ExportedProgram sound = network();
    auto records = sound.records(sound.program({"v3"}));
    records["models/model.json"] = bytes;
    test::write_archive(own_file(), records);
  }
  read_exported(own_file(), at::kCPU);
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  const std::filesystem::path folder = ATTUNE_BUILD_DIR "/program-seeds";
  std::filesystem::create_directories(folder);
  const test::ExportedProgram sound = network();
  const test::json text = sound.program({"v3"});
  std::ofstream(folder / "program.json") << text.dump();
  test::write_archive(folder / "whole.pt2", sound.records(text));
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    read(std::string(reinterpret_cast<const char*>(data), size));
  } catch (const Error& error) {
    const std::string what = error.what();
    if (error.fault() == Fault::input && what.find('\n') == std::string::npos) return 0;
    std::cerr << "no sentence about an input: " << what << '\n';
    std::abort();
  }
  return 0;
}
