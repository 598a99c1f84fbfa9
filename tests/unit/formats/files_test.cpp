// Programs of torch.export as files: both containers, what is written of them, graphs within graphs.

#include <gtest/gtest.h>

#include <attune/model.h>

#include "errors.h"
#include "exported.h"
#include "folder.h"
#include "formats/archive/zip.h"
#include "formats/formats.h"
#include "models.h"

namespace attune {
namespace {

using test::ExportedProgram;
using test::json;
using test::tensor;

json entry(const std::string& record, at::IntArrayRef sizes, at::IntArrayRef strides, int64_t offset) {
  return {{"path_name", record},
          {"is_param", true},
          {"use_pickle", false},
          {"tensor_meta",
           {{"dtype", 8},
            {"sizes", test::sizes_json(sizes)},
            {"strides", test::sizes_json(strides)},
            {"storage_offset", {{"as_int", offset}}}}}};
}

std::string bytes_of(const at::Tensor& tensor) {
  return {static_cast<const char*>(tensor.data_ptr()), tensor.nbytes()};
}

// Little-endian.
std::string packed(int64_t number, size_t size) { return {reinterpret_cast<const char*>(&number), size}; }

// As torch.save writes a dictionary of doubles that all lie in the storage 0.
class Pickled {
 public:
  Pickled& add(const std::string& name, at::IntArrayRef sizes, at::IntArrayRef strides, int64_t offset) {
    bytes_ += text(name) + "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + "ctorch\nDoubleStorage\n" +
              text("0") + text("cpu") + "K\x20tQ" + "J" + packed(offset, 4) + numbers(sizes) + numbers(strides) +
              "\x89" + "ccollections\nOrderedDict\n)RtR";
    return *this;
  }
  Pickled& add(const std::string& bytes) {
    bytes_ += bytes;
    return *this;
  }
  std::string done() const { return "\x80\x02}(" + bytes_ + "u."; }

  static std::string text(const std::string& text) { return "X" + packed(static_cast<int64_t>(text.size()), 4) + text; }

 private:
  static std::string numbers(at::IntArrayRef values) {
    std::string list = "(";
    for (const int64_t value : values) list += "J" + packed(value, 4);
    return list + "t";
  }

  std::string bytes_;
};

// Three linear layers, whose weights lie in one storage: `a` transposed, `b` behind it, and `tied`, which is b; and a
// constant that is added.
class ExportedFiles : public testing::Test {
 protected:
  ExportedFiles() : program_({4}) {
    std::string v = "x";
    for (const char* name : {"a", "b", "tied"}) {
      const std::string weight = program_.parameter(name, storage_);
      v = program_.node("torch.ops.aten.linear.default", {{"input", tensor(v)}, {"weight", tensor(weight)}});
    }
    const std::string shift = program_.parameter("shift", shift_, "buffer");
    program_.node("torch.ops.aten.add.Tensor", {{"self", tensor(v)}, {"other", tensor(shift)}});
  }

  json text() const { return program_.program({"v3"}); }

  std::filesystem::path write_new() const {
    const json weights = {{"config",
                           {{"a", entry("weight_0", {4, 4}, {1, 4}, 0)},
                            {"b", entry("weight_0", {4, 4}, {4, 1}, 16)},
                            {"tied", entry("weight_0", {4, 4}, {4, 1}, 16)}}}};
    const json constants = {{"config", {{"shift", entry("tensor_0", {4}, {1}, 0)}}}};
    test::write_archive(folder_ / "model.pt2", {{"archive_format", "pt2"},
                                                {"models/model.json", text().dump()},
                                                {"data/weights/model_weights_config.json", weights.dump()},
                                                {"data/weights/weight_0", bytes_of(storage_)},
                                                {"data/constants/model_constants_config.json", constants.dump()},
                                                {"data/constants/tensor_0", bytes_of(shift_)},
                                                {"data/sample_inputs/model.pt", "inputs"},
                                                {"extra/notes.txt", "whatever"}});
    return folder_ / "model.pt2";
  }

  // As PyTorch up to 2.7 does.
  std::filesystem::path write_old(const std::string& state, const json& text) const {
    const auto inner = [&](const std::string& pickle, const at::Tensor& storage) {
      test::write_archive(folder_ / "inner.pt", {{"data.pkl", pickle}, {"data/0", bytes_of(storage)}});
      return test::read_bytes(folder_ / "inner.pt");
    };
    std::string program = text.dump();
    const size_t number = program.find("\"boundless\"");
    if (number != std::string::npos) program.replace(number, 11, "-Infinity");
    test::write_archive(folder_ / "old.pt2",
                        {{"serialized_exported_program.json", program},
                         {"serialized_state_dict.pt", inner(state, storage_)},
                         {"serialized_constants.pt", inner(Pickled().add("shift", {4}, {1}, 0).done(), shift_)},
                         {"version", "8.2"}});
    return folder_ / "old.pt2";
  }
  static Pickled old_state() {
    return Pickled().add("a", {4, 4}, {1, 4}, 0).add("b", {4, 4}, {4, 1}, 16).add("tied", {4, 4}, {4, 1}, 16);
  }

  at::Tensor expected(double factor) const {
    const at::Tensor a = storage_.narrow(0, 0, 16).view({4, 4}).t() * factor,
                     b = storage_.narrow(0, 16, 16).view({4, 4}) * factor;
    return at::linear(at::linear(at::linear(x_, a), b), b) + shift_;
  }
  at::Tensor scores(const std::filesystem::path& file) const { return open_model(file)->module_output(x_, false); }

  // What training does.
  static void scale(const ModelSource& source) {
    const at::NoGradGuard no_gradients;
    for (const char* name : {"a", "b"}) source.parameters.attr(name).toTensor().mul_(3);
  }

  test::TemporaryFolder folder_;
  at::Tensor storage_ = test::seeded({32}, 1), shift_ = test::seeded({4}, 2), x_ = test::seeded({2, 4}, 3);
  ExportedProgram program_;
};

// All that is in the file but the storages stays as it was, byte for byte, and so does what shares a storage.
TEST_F(ExportedFiles, AreWrittenAgainWithOtherWeights) {
  for (const auto& file : {write_new(), write_old(old_state().done(), text())}) {
    const ModelSource source = read_model(file, at::kCPU);
    ASSERT_TRUE(source.own);
    EXPECT_EQ(source.own->extension, ".pt2");
    EXPECT_TRUE(at::allclose(scores(file), expected(1), 1e-12, 1e-12));
    const auto again = folder_ / "again.pt2";
    source.own->write(again, TrainingModel(source).state());
    EXPECT_EQ(test::read_bytes(again), test::read_bytes(file));
    scale(source);
    source.own->write(again, TrainingModel(source).state());
    EXPECT_TRUE(at::allclose(scores(again), expected(3), 1e-12, 1e-12));
    const auto model = open_model(again);
    EXPECT_TRUE(model->parameter("b").is_same(model->parameter("tied")));
    const ZipArchive before(file), after(again);
    after.check();
    ASSERT_EQ(before.records().size(), after.records().size());
    for (const auto& [name, record] : before.records()) {
      if (name == "data/weights/weight_0" || name == "serialized_state_dict.pt") continue;
      EXPECT_EQ(before.text(name), after.text(name)) << name;
    }
  }
}

// Of a state that lies elsewhere, as on another device.
TEST_F(ExportedFiles, TakeValuesFromAnyState) {
  const ModelSource source = read_model(write_new(), at::kCPU);
  NamedTensors state = TrainingModel(source).state();
  for (auto& [name, values] : state) values = name == "shift" ? values : values * 3;
  source.own->write(folder_ / "again.pt2", state);
  EXPECT_TRUE(at::allclose(scores(folder_ / "again.pt2"), expected(3), 1e-12, 1e-12));
  EXPECT_EQ(test::message_of(Fault::output, [&] { source.own->write(folder_ / "none/again.pt2", state); }),
            (folder_ / "none/again.pt2").string() + ": cannot be written: No such file or directory");
}

// With the names of the state_dict(), whose layout is plain.
TEST_F(ExportedFiles, GiveSafetensors) {
  const ModelSource source = read_model(write_new(), at::kCPU);
  const OwnFile kind = other_files(source).at(0);
  EXPECT_EQ(kind.extension, ".safetensors");
  kind.write(folder_ / "model.safetensors", TrainingModel(source).state());
  const std::string bytes = test::read_bytes(folder_ / "model.safetensors");
  uint64_t size = 0;
  std::memcpy(&size, bytes.data(), sizeof size);
  EXPECT_EQ(size % 8, 0U);
  const json header = json::parse(bytes.substr(8, size));
  EXPECT_EQ(header["__metadata__"], (json{{"format", "pt"}}));
  ASSERT_EQ(header.size(), 4U);
  const std::string data = bytes.substr(8 + size);
  EXPECT_EQ(data.size(), 3U * 16 * 8);
  EXPECT_EQ(header["a"], (json{{"dtype", "F64"}, {"shape", {4, 4}}, {"data_offsets", {0, 128}}}));
  EXPECT_EQ(data.substr(0, 128), bytes_of(storage_.narrow(0, 0, 16).view({4, 4}).t().contiguous()));
  EXPECT_EQ(data.substr(128, 128), data.substr(256));
}

TEST_F(ExportedFiles, OldOnesHoldTensorsAlone) {
  const auto refused = [&](const std::string& pickle) {
    return test::message_of(Fault::input, [&] { open_model(write_old(pickle, text())); });
  };
  const std::string system = Pickled::text("a") + "cposix\nsystem\n(" + Pickled::text("true") + "tR";
  EXPECT_TRUE(test::contains(refused(Pickled().add(system).done()), "holds a Python object (posix system)"));
  EXPECT_TRUE(test::contains(refused(Pickled().add(Pickled::text("a") + "K\1").done()), "more than tensors by name"));
  EXPECT_TRUE(
      test::contains(refused(Pickled().add("a", {4, 4}, {11, 1}, 0).done()), "'a' reaches beyond its 256 bytes"));
  EXPECT_TRUE(test::contains(refused("\x80\x02}q"), "ends too early"));
  EXPECT_TRUE(test::contains(refused("."), "takes more than it has"));
  EXPECT_TRUE(test::contains(refused("\x80\x02]."), "is no dictionary"));
  const std::string good = old_state().done();
  for (size_t i = 0; i < good.size(); i += 3) {
    for (const char other : {'\x7f', '(', 'R'}) {
      std::string bad = good;
      bad[i] = other;
      try {
        open_model(write_old(bad, text()));
      } catch (const Error& error) {
        EXPECT_EQ(error.fault(), Fault::input) << error.what();
      }
    }
  }
}

TEST_F(ExportedFiles, OldOnesMayHoldNumbersThatJsonHasNoWordFor) {
  json program = text();
  program["graph_module"]["graph"]["nodes"][3]["inputs"].push_back(
      {{"name", "alpha"}, {"arg", {{"as_float", "boundless"}}}});
  EXPECT_TRUE(at::isinf(scores(write_old(old_state().done(), program))).all().item<bool>());
}

// A weight that was damaged on its way loads in Python; here its checksum tells.
TEST_F(ExportedFiles, FlippedBytesAreSeen) {
  std::string bytes = test::read_bytes(write_new());
  bytes[bytes.find(bytes_of(storage_)) + 100] ^= 1;
  const auto file = folder_.write("flipped.pt2", bytes);
  EXPECT_EQ(test::message_of(Fault::input, [&] { open_model(file); }),
            "model '" + file.string() +
                "' is damaged: the bytes of its record 'data/weights/weight_0' are not those that were written");
}

// As torch.no_grad() and torch.autocast() leave them, around a convolution.
class GraphsWithin : public testing::Test {
 protected:
  std::filesystem::path write(const std::string& context, std::vector<json> settings) const {
    ExportedProgram inner({3, 8, 8}), outer({3, 8, 8});
    inner.node("torch.ops.aten.conv2d.default", {{"input", tensor("x")}, {"weight", tensor("w")}},
               {{"c", "conv.Conv2d"}});
    inner.node("torch.ops.aten.relu.default", {{"self", tensor("v0")}}, {{"r", "activation.ReLU"}});
    json graph = inner.program({"v1"})["graph_module"]["graph"];
    graph["inputs"] = {tensor("x"), tensor("w")};
    ExportedProgram::Arguments arguments;
    for (const json& setting : settings) arguments.emplace_back("", setting);
    arguments.emplace_back("", json{{"as_graph", {{"name", "submod"}, {"graph", graph}}}});
    arguments.emplace_back("", tensor("x"));
    arguments.emplace_back("", tensor(outer.parameter("c.weight", weight_)));
    std::string v = outer.node("torch.ops.higher_order." + context, arguments);
    v = outer.node("torch.ops.aten.mul.Tensor", {{"self", tensor(v)}, {"other", tensor(v)}},
                   {{"square", "own.Square"}});
    outer.node("torch.ops.aten.mean.dim", {{"self", tensor(v)}, {"dim", {{"as_ints", {2, 3}}}}});
    test::write_archive(folder_ / "model.pt2", outer.records(outer.program({"v2"})));
    return folder_ / "model.pt2";
  }

  test::TemporaryFolder folder_;
  at::Tensor weight_ = test::seeded({5, 3, 3, 3}, 1, 0.4), x_ = test::seeded({2, 3, 8, 8}, 2);
};

TEST_F(GraphsWithin, WithoutGradientsHaveNone) {
  const auto model = open_model(write("wrap_with_set_grad_enabled", {{{"as_bool", false}}}));
  EXPECT_TRUE(at::allclose(model->module_output(x_, false), at::conv2d(x_, weight_).relu().square().mean({2, 3})));
  ASSERT_EQ(model->layers().size(), 3U);
  EXPECT_EQ(model->layers()[0].name, "c");
  EXPECT_EQ(model->auto_layer(x_), "square");
  Needs needs;
  needs.gradients = true;
  needs.captures = {{"c"}};
  EXPECT_TRUE(test::contains(test::message_of(Fault::input, [&] { model->forward(x_, needs, false); }),
                             "layer 'c' lies where the model switches gradients off"));
}

TEST_F(GraphsWithin, UnderAutocastComputeAsThere) {
  weight_ = weight_.to(at::kFloat);
  x_ = x_.to(at::kFloat);
  const auto file = write("wrap_with_autocast",
                          {{{"as_string", "cpu"}}, {{"as_scalar_type", 13}}, {{"as_bool", true}}, {{"as_none", true}}});
  const at::Tensor half = at::conv2d(x_.to(at::kBFloat16), weight_.to(at::kBFloat16)).relu();
  const at::Tensor scores = open_model(file)->module_output(x_, false);
  EXPECT_TRUE(at::allclose(scores.to(at::kFloat), half.square().to(at::kFloat).mean({2, 3}), 2e-2, 1e-2));
  EXPECT_FALSE(at::allclose(scores.to(at::kFloat), at::conv2d(x_, weight_).relu().square().mean({2, 3}), 1e-5, 1e-6));
}

TEST_F(GraphsWithin, ThatMayRunOrNotAreRefusedByName) {
  EXPECT_TRUE(
      test::contains(test::message_of(Fault::input, [&] { open_model(write("cond", {})); }),
                     "runs a graph within its graph by 'cond', where what is computed may depend on the input"));
}

}  // namespace
}  // namespace attune
