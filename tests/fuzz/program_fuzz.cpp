// The reader of torch.export's programs against any bytes: a model, or an Error of one sentence, and nothing else. What
// begins as a zip is taken as a file, anything else as the program of a sound one.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <random>
#include <unistd.h>

#include "exported.h"
#include "formats/exported/exported.h"
#include "formats/exported/program.h"
#include "reading.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t most);

namespace {

using namespace attune;
using test::json;
using test::tensor;
using Sizes = std::vector<int64_t>;

// The programs of all seeds have the same tensors.
struct Seed : test::ExportedProgram {
  explicit Seed(int64_t batch) : ExportedProgram({3, 8, 8}, batch) {}

  std::string kernel = parameter("conv.weight", at::ones({4, 3, 3, 3}) * 0.1),
              weight = parameter("fc.weight", at::ones({2, 4})), last;

  void add(const std::string& operation, const Arguments& arguments, const Sizes& sizes = {}, const Stack& stack = {}) {
    last = node("torch.ops." + operation, arguments, stack, sizes);
  }
  void add_linear() {
    add("aten.linear.default", {{"input", tensor(last)}, {"weight", tensor(weight)}}, {}, {{"fc", "linear.Linear"}});
  }
};

// conv - relu - mean - linear.
Seed network() {
  Seed p(0);
  p.add("aten.conv2d.default", {{"input", tensor("x")}, {"weight", tensor(p.kernel)}}, {}, {{"conv", "conv.Conv2d"}});
  p.add("aten.relu.default", {{"self", tensor(p.last)}}, {}, {{"relu", "activation.ReLU"}});
  p.add("aten.mean.dim", {{"self", tensor(p.last)}, {"dim", {{"as_ints", {2, 3}}}}});
  p.add_linear();
  return p;
}

// With its example's batch in a view, and a convolution under autocast.
Seed fixed() {
  Seed p(2);
  test::ExportedProgram inner({3, 8, 8});
  inner.node("torch.ops.aten.conv2d.default", {{"input", tensor("x")}, {"weight", tensor("w")}});
  json graph = inner.program({"v0"})["graph_module"]["graph"];
  graph["inputs"] = {tensor("x"), tensor("w")};
  p.add("higher_order.wrap_with_autocast", {{"", {{"as_string", "cpu"}}},
                                            {"", {{"as_scalar_type", 13}}},
                                            {"", {{"as_bool", true}}},
                                            {"", {{"as_none", true}}},
                                            {"", {{"as_graph", {{"name", "submod"}, {"graph", graph}}}}},
                                            {"", tensor("x")},
                                            {"", tensor(p.kernel)}});
  p.add("aten.to.dtype", {{"self", tensor(p.last)}, {"dtype", {{"as_scalar_type", 7}}}});
  p.add("aten.view.default", {{"self", tensor(p.last)}, {"size", {{"as_ints", {2, 4, 36}}}}}, {2, 4, 36});
  p.add("aten.mean.dim", {{"self", tensor(p.last)}, {"dim", {{"as_ints", {2}}}}});
  p.add_linear();
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
    static const Seed sound = network();
    auto records = sound.records(sound.program({sound.last}));
    records["models/model.json"] = bytes;
    test::write_archive(own_file(), records);
  }
  test::write_again(read_exported(own_file(), at::kCPU), own_file().string() + ".again");
}

void list(json& value, std::vector<json*>& all) {
  all.push_back(&value);
  if (!value.is_structured()) return;
  for (json& one : value) list(one, all);
}

// Puts another value of the program, or an odd one, into the place of one or beside it, or leaves one out.
void change(json& program, std::mt19937& random) {
  std::vector<json*> all;
  list(program, all);
  const auto any = [&](size_t count) { return std::uniform_int_distribution<size_t>(0, count - 1)(random); };
  json& place = *all[any(all.size())];
  json other = *all[any(all.size())];
  static const json odd[] = {
      nullptr,       true,          0, -1, 2, 1 << 20, 1e300, std::numeric_limits<int64_t>::max(), "", "x",
      json::array(), json::object()};
  if (any(2) == 0) other = odd[any(std::size(odd))];
  const bool has_any = place.is_structured() && !place.empty();
  if (has_any && any(3) == 0) {
    place.erase(std::next(place.begin(), static_cast<std::ptrdiff_t>(any(place.size()))));
  } else if (place.is_array() && any(2) == 0) {
    place.insert(std::next(place.begin(), static_cast<std::ptrdiff_t>(any(place.size() + 1))), std::move(other));
  } else {
    place = std::move(other);
  }
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  const std::filesystem::path folder = ATTUNE_BUILD_DIR "/program-seeds";
  std::filesystem::create_directories(folder);
  int number = 0;
  for (const Seed& sound : {network(), fixed()}) {
    const std::string name = std::to_string(++number), text = sound.program({sound.last}).dump();
    read(text);
    std::ofstream(folder / (name + ".json")) << text;
    std::filesystem::copy_file(own_file(), folder / (name + ".pt2"), std::filesystem::copy_options::overwrite_existing);
  }
  return 0;
}

// Half of the changes are made in what the text says.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t most, unsigned seed) {
  json program = json::parse(data, data + size, nullptr, false);
  if (program.is_discarded() || seed % 2 == 0) return LLVMFuzzerMutate(data, size, most);
  std::mt19937 random(seed);
  change(program, random);
  const std::string text = program.dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() > most) return LLVMFuzzerMutate(data, size, most);
  std::memcpy(data, text.data(), text.size());
  return text.size();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  test::read_or_refuse([&] { read(std::string(reinterpret_cast<const char*>(data), size)); });
  return 0;
}
