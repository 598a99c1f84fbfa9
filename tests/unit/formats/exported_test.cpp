// Programs of torch.export: values, gradients, names of layers, refusals, damage.

#include "exported.h"

#include <gtest/gtest.h>
#include <random>
#include <torch/csrc/autograd/autograd.h>

#include <attune/exported.h>

#include "errors.h"
#include "folder.h"
#include "models.h"

namespace attune {
namespace {

using test::ExportedProgram;
using test::json;
using test::tensor;

json ints(std::vector<int64_t> values) { return {{"as_ints", values}}; }
json integer(int64_t value) { return {{"as_int", value}}; }

class Exported : public testing::Test {
 protected:
  std::filesystem::path write(const ExportedProgram& program, const std::string& output) {
    return write(program, program.program({output}));
  }
  std::filesystem::path write(const ExportedProgram& program, const json& text) {
    test::write_archive(folder_ / "model.pt2", program.records(text));
    return folder_ / "model.pt2";
  }
  std::string refusal(const ExportedProgram& program, const json& text) {
    return test::message_of(Fault::input, [&] { open_model(write(program, text)); });
  }

  // conv - norm - relu_ in a Sequential, relu once more, mean, linear, in float64: as the training IR has it or, with
  // `core`, as run_decompositions() leaves it.
  ExportedProgram network(bool core) {
    ExportedProgram p({3, 8, 6});
    const auto weight = tensor(p.parameter("body.0.weight", weight_)),
               scale = tensor(p.parameter("body.1.weight", scale_)), shift = tensor(p.parameter("body.1.bias", shift_)),
               mean = tensor(p.parameter("body.1.mean", mean_, "buffer")),
               variance = tensor(p.parameter("body.1.var", var_, "buffer")), fc = tensor(p.parameter("fc.weight", fc_)),
               bias = tensor(p.parameter("fc.bias", bias_));
    const json none = {{"as_none", true}}, yes = {{"as_bool", true}}, no = {{"as_bool", false}};
    const json momentum = {{"as_float", 0.1}}, eps = {{"as_float", 1e-5}};
    const ExportedProgram::Stack conv{{"body", "Sequential"}, {"body.0", "conv.Conv2d"}},
        norm{{"body", "Sequential"}, {"body.1", "batchnorm.BatchNorm2d"}},
        relu{{"body", "Sequential"}, {"body.2", "activation.ReLU"}}, again{{"body.2@1", "activation.ReLU"}},
        linear{{"fc", "linear.Linear"}};
    std::string v;
    if (core) {
      v = p.node("torch.ops.aten.convolution.default",
                 {{"input", tensor("x")},
                  {"weight", weight},
                  {"bias", none},
                  {"stride", ints({2, 2})},
                  {"padding", ints({1, 1})},
                  {"dilation", ints({1, 1})},
                  {"transposed", no},
                  {"output_padding", ints({0, 0})},
                  {"groups", integer(1)}},
                 conv);
      v = p.node("torch.ops.aten._native_batch_norm_legit_no_training.default",
                 {{"input", tensor(v)},
                  {"weight", scale},
                  {"bias", shift},
                  {"running_mean", mean},
                  {"running_var", variance},
                  {"momentum", momentum},
                  {"eps", eps}},
                 norm, {}, json::array({tensor("v1"), tensor("unused_1"), tensor("unused_2")}));
      v = p.node("torch.ops.aten.relu.default", {{"self", tensor(v)}}, relu);
    } else {
      v = p.node("torch.ops.aten.conv2d.default",
                 {{"input", tensor("x")},
                  {"weight", weight},
                  {"bias", none},
                  {"stride", ints({2, 2})},
                  {"padding", ints({1, 1})}},
                 conv);
      v = p.node("torch.ops.aten.batch_norm.default",
                 {{"input", tensor(v)},
                  {"weight", scale},
                  {"bias", shift},
                  {"running_mean", mean},
                  {"running_var", variance},
                  {"training", no},
                  {"momentum", momentum},
                  {"eps", eps},
                  {"cudnn_enabled", yes}},
                 norm);
      v = p.node("torch.ops.aten.relu_.default", {{"self", tensor(v)}}, relu);
    }
    v = p.node("torch.ops.aten.mul.Tensor", {{"self", tensor(v)}, {"other", integer(2)}});
    v = p.node("torch.ops.aten.relu.default", {{"self", tensor(v)}}, again);
    v = p.node("torch.ops.aten.mean.dim", {{"self", tensor(v)}, {"dim", ints({2, 3})}});
    if (core) {
      const std::string t = p.node("torch.ops.aten.permute.default", {{"self", fc}, {"dims", ints({1, 0})}}, linear);
      p.node("torch.ops.aten.addmm.default", {{"self", bias}, {"mat1", tensor(v)}, {"mat2", tensor(t)}}, linear);
    } else {
      p.node("torch.ops.aten.linear.default", {{"input", tensor(v)}, {"weight", fc}, {"bias", bias}}, linear);
    }
    return p;
  }
  static std::string last(const ExportedProgram& p) { return "v" + std::to_string(p.nodes.size() - 1); }

  at::Tensor activation(const at::Tensor& x) const {
    const at::Tensor y =
        at::batch_norm(at::conv2d(x, weight_, {}, 2, 1), scale_, shift_, mean_, var_, false, 0.1, 1e-5, false);
    return (y.relu() * 2).relu();
  }
  at::Tensor scores(const at::Tensor& activation) const { return at::linear(activation.mean({2, 3}), fc_, bias_); }

  test::TemporaryFolder folder_;
  at::Tensor weight_ = test::seeded({5, 3, 3, 3}, 1, 0.4), scale_ = test::seeded({5}, 2), shift_ = test::seeded({5}, 3),
             mean_ = test::seeded({5}, 4), var_ = test::seeded({5}, 5).square() + 0.5, fc_ = test::seeded({4, 5}, 6),
             bias_ = test::seeded({4}, 7);
  at::Tensor x_ = test::seeded({2, 3, 8, 6}, 8);
};

class ExportedIr : public Exported, public testing::WithParamInterface<bool> {};

TEST_P(ExportedIr, IsTheModelThatWasExported) {
  const ExportedProgram program = network(GetParam());
  const auto model = open_model(write(program, last(program)));
  EXPECT_EQ(model->source(), "exported");
  EXPECT_TRUE(at::allclose(model->module_output(x_, false), scores(activation(x_)), 1e-12, 1e-12));
  std::vector<std::string> names;
  for (const LayerInfo& layer : model->layers()) names.push_back(layer.name + " " + layer.type);
  EXPECT_EQ(names, (std::vector<std::string>{"body.0 Conv2d", "body.1 BatchNorm2d", "body.2 ReLU", "body Sequential",
                                             "body.2@2 ReLU", "fc Linear"}));
  EXPECT_EQ(model->auto_layer(x_), "body.2@2");
  EXPECT_EQ(model->activations(), (std::vector<std::string>{"relu", "relu"}));
  EXPECT_EQ(model->likely_input(), (std::vector<int64_t>{3, 8, 6}));
}

TEST_P(ExportedIr, TakesTensorsThatAreThere) {
  const ExportedProgram program = network(GetParam());
  NamedTensorList own;
  for (const auto& [name, tensor] : program.tensors) own.emplace_back(name, tensor.detach().clone());
  const auto parameter = [&](const std::string& name) {
    return std::find_if(own.begin(), own.end(), [&](const auto& one) { return one.first == name; })->second;
  };
  parameter("body.0.weight").set_requires_grad(true);
  const auto model = exported_model(program.program({last(program)}).dump(), own);
  EXPECT_TRUE(at::allclose(model->module_output(x_, false), scores(activation(x_)), 1e-12, 1e-12));
  for (const NamedTensorList& list : {model->parameters(), model->buffers()}) {
    for (const auto& [name, tensor] : list) EXPECT_TRUE(tensor.is_same(parameter(name))) << name;
  }
  model->module_output(x_, true).sum().backward();
  EXPECT_GT(parameter("body.0.weight").grad().norm().item<double>(), 0);
  EXPECT_FALSE(parameter("fc.weight").grad().defined());  // it takes no gradient
  parameter("fc.weight").zero_();
  EXPECT_TRUE(at::allclose(model->module_output(x_, false), bias_.expand({2, 4})));
}

TEST_P(ExportedIr, GradientsReachParameters) {
  const ExportedProgram program = network(GetParam());
  const auto model = open_model(write(program, last(program)));
  Needs needs;
  needs.gradients = true;
  needs.captures = {{"body.2@2"}};
  const auto pass = model->forward(x_, needs, true);
  EXPECT_TRUE(at::allclose(pass->activation("body.2@2"), activation(x_), 1e-12, 1e-12));
  const at::Tensor score = pass->output().select(1, 2).sum();
  const at::Tensor weight = model->parameter("body.0.weight");
  EXPECT_TRUE(weight.requires_grad());
  const auto found = torch::autograd::grad({score}, {weight});
  const at::Tensor own = weight_.clone().requires_grad_();
  const at::Tensor z =
      at::batch_norm(at::conv2d(x_, own, {}, 2, 1), scale_, shift_, mean_, var_, false, 0.1, 1e-5, false);
  const auto wanted = torch::autograd::grad({scores((z.relu() * 2).relu()).select(1, 2).sum()}, {own});
  EXPECT_TRUE(at::allclose(found[0], wanted[0], 1e-10, 1e-12));
}

INSTANTIATE_TEST_SUITE_P(Ir, ExportedIr, testing::Bool(),
                         [](const auto& info) { return info.param ? "core" : "training"; });

// A view that has the example's batch in it, as exported without dynamic shapes.
ExportedProgram fixed(int64_t first, at::Tensor fc) {
  ExportedProgram p({3, 4, 4}, 2);
  const std::string weight = p.parameter("fc", fc);
  const std::string v =
      p.node("torch.ops.aten.view.default", {{"self", tensor("x")}, {"size", ints({first, 48 * 2 / first})}}, {},
             {first, 48 * 2 / first});
  p.node("torch.ops.aten.linear.default", {{"input", tensor(v)}, {"weight", tensor(weight)}});
  return p;
}

TEST_F(Exported, TakesAnyBatchWhereTheExamplesIsAxis0) {
  const ExportedProgram program = fixed(2, test::seeded({4, 48}, 1));
  const auto model = open_model(write(program, last(program)));
  EXPECT_EQ(model->module_output(test::seeded({5, 3, 4, 4}, 2), false).sizes(), (std::vector<int64_t>{5, 4}));
}

TEST_F(Exported, RefusesWhatMixesRows) {
  const ExportedProgram program = fixed(1, test::seeded({4, 96}, 1));
  EXPECT_TRUE(test::contains(refusal(program, program.program({last(program)})),
                             "was exported for batches of 2 alone; export it with dynamic_shapes"));
}

TEST_F(Exported, ReturnsDictionariesByTheirKeys) {
  const ExportedProgram program = network(false);
  const std::string spec =
      R"([1, {"type": "builtins.dict", "context": "[\"logits\", \"features\"]", "children_spec": []}])";
  const auto file = write(program, program.program({last(program), "v5"}, spec));
  ModelOptions options;
  options.output = "features";
  EXPECT_EQ(open_model(file, options)->module_output(x_, false).size(1), 5);
  EXPECT_EQ(open_model(file)->module_output(x_, false).size(1), 4);
}

TEST_F(Exported, RemaindersByZeroAreErrors) {
  ExportedProgram p({3});
  const json zero = {{"as_int", 0}}, rows = {{"as_sym_int", {{"as_name", "n"}}}};
  p.node("torch.ops.aten.sym_size.int", {{"self", tensor("x")}, {"dim", zero}}, {}, {}, json::array({rows}));
  p.node("_operator.mod", {{"", rows}, {"", {{"as_int", 2}}}}, {}, {},
         json::array({{{"as_sym_int", {{"as_name", "odd"}}}}}));
  p.node("_operator.mod", {{"", rows}, {"", {{"as_sym_int", {{"as_name", "odd"}}}}}}, {}, {},
         json::array({{{"as_sym_int", {{"as_name", "m"}}}}}));
  p.node("torch.ops.aten.add.Scalar", {{"self", tensor("x")}, {"other", {{"as_sym_int", {{"as_name", "m"}}}}}});
  const ModelSource source = read_model(write(p, last(p)), at::kCPU);
  const at::Tensor x = at::ones({3, 3}, at::kDouble);
  EXPECT_TRUE(at::equal(source.output(x).toTensor(), x));
  EXPECT_THROW(source.output(x.narrow(0, 0, 2)), std::exception);
}

TEST_F(Exported, AreTuplesWhereNoKeysAreSaid) {
  const ExportedProgram program = network(false);
  const auto file = write(program, program.program({last(program), "v5"}, R"([1, {"type": "builtins.dict"}])"));
  EXPECT_TRUE(read_model(file, at::kCPU).output(x_).isTuple());
}

// A table of biases by position, and a norm of weights by their own statistics (of weight standardisation).
TEST_F(Exported, TakesIndicesOfAllAxesAndNormsWithoutStatistics) {
  ExportedProgram p({3, 4});
  const at::Tensor table = test::seeded({5, 3}, 1), rows = at::tensor(std::vector<int64_t>{4, 0, 2}),
                   columns = at::tensor(std::vector<int64_t>{0, 1, 1});
  const auto named = [](const std::string& name) { return json{{"name", name}}; };
  const std::string row = p.parameter("rows", rows, "buffer"), column = p.parameter("columns", columns, "buffer");
  const json indices = {{"as_tensors", json::array({named(row), named(column)})}};
  const std::string bias =
      p.node("torch.ops.aten.index.Tensor", {{"self", tensor(p.parameter("table", table))}, {"indices", indices}});
  const json none = {{"as_none", true}};
  const std::string norm = p.node("torch.ops.aten._native_batch_norm_legit.no_stats",
                                  {{"input", tensor("x")},
                                   {"weight", tensor(bias)},
                                   {"bias", none},
                                   {"training", {{"as_bool", true}}},
                                   {"momentum", {{"as_float", 0.0}}},
                                   {"eps", {{"as_float", 1e-5}}}},
                                  {}, {}, json::array({tensor("v1"), tensor("mean"), tensor("deviation")}));
  p.node("torch.ops.aten.mean.dim", {{"self", tensor(norm)}, {"dim", ints({2})}});
  const at::Tensor x = test::seeded({2, 3, 4}, 2), weight = at::stack({table[4][0], table[0][1], table[2][1]});
  const at::Tensor expected = at::batch_norm(x, weight, {}, {}, {}, true, 0.0, 1e-5, false).mean({2});
  EXPECT_TRUE(at::allclose(open_model(write(p, last(p)))->module_output(x, false), expected, 1e-12, 1e-12));
}

// What run_decompositions() writes of 2 - x: a number in the place of a tensor.
TEST_F(Exported, TakesNumbersAsFirstInputs) {
  ExportedProgram p({4});
  std::string v = "x";
  for (const auto& [op, number] : std::map<std::string, json>{{"add", integer(3)}, {"mul", {{"as_float", 0.1}}}})
    v = p.node("torch.ops.aten." + op + ".Tensor", {{"self", number}, {"other", tensor(v)}});
  p.node("torch.ops.aten.sub.Tensor", {{"self", integer(2)}, {"other", tensor(v)}, {"alpha", integer(5)}});
  const at::Tensor x = test::seeded({2, 4}, 1), expected = 2 - 5 * (0.1 * (3 + x));
  EXPECT_TRUE(at::allclose(open_model(write(p, last(p)))->module_output(x, false), expected, 1e-12, 1e-12));
}

// One storage under two names is one parameter, whose gradient is the sum of both uses.
TEST_F(Exported, KeepsTiedParameters) {
  ExportedProgram p({4});
  const at::Tensor w = test::seeded({4, 4}, 1);
  const std::string a = p.parameter("a", w), b = p.parameter("b", w);
  const std::string v = p.node("torch.ops.aten.linear.default", {{"input", tensor("x")}, {"weight", tensor(a)}});
  p.node("torch.ops.aten.linear.default", {{"input", tensor(v)}, {"weight", tensor(b)}});
  auto records = p.records(p.program({last(p)}));
  json config = p.config();
  config["config"]["b"]["path_name"] = "weight_0";
  records["data/weights/model_weights_config.json"] = config.dump();
  test::write_archive(folder_ / "tied.pt2", records);
  const auto model = open_model(folder_ / "tied.pt2");
  EXPECT_TRUE(model->parameter("a").is_same(model->parameter("b")));
}

// What training writes: TorchScript, with the layers and parameters that the program had.
TEST_F(Exported, IsSavedAsTorchScript) {
  const ExportedProgram program = network(false);
  const ModelSource source = read_model(write(program, last(program)), at::kCPU);
  {
    const at::NoGradGuard no_gradients;
    source.parameters.attr("fc").toModule().attr("bias").toTensor().fill_(3);
  }
  TrainingModel(source).saved();
  const auto saved = open_model(folder_.write("saved.pt", TrainingModel(source).saved()));
  const auto model = open_model(folder_ / "model.pt2");
  EXPECT_EQ(saved->source(), "torchscript");
  ASSERT_EQ(saved->layers().size(), model->layers().size());
  for (size_t i = 0; i < model->layers().size(); ++i) {
    EXPECT_EQ(saved->layers()[i].name, model->layers()[i].name);
    EXPECT_EQ(saved->layers()[i].type, model->layers()[i].type);
  }
  const at::Tensor expected = at::linear(activation(x_).mean({2, 3}), fc_, at::full_like(bias_, 3));
  EXPECT_TRUE(at::allclose(saved->module_output(x_, false), expected, 1e-12, 1e-12));
  ASSERT_EQ(saved->parameters().size(), 5U);
  EXPECT_EQ(saved->parameters()[0].first, "body.0.weight");
  EXPECT_EQ(saved->buffers().size(), 2U);
}

TEST_F(Exported, RefusesATextWithOneSentence) {
  const ExportedProgram program = network(false);
  const auto refused = [](const std::string& text) {
    return test::message_of(Fault::input, [&] { exported_model(text, {}); });
  };
  EXPECT_EQ(refused("no program"), "is damaged: its record 'program' is no JSON");
  EXPECT_TRUE(test::contains(refused("{}"), "the program of torch.export is damaged: "));
  EXPECT_TRUE(test::contains(refused(program.program({last(program)}).dump()), "it lacks the tensor 'body.0.weight'"));
}

TEST_F(Exported, RefusesWithOneSentence) {
  const ExportedProgram good = network(false);
  const std::string end = last(good);
  const auto changed = [&](const auto& change) {
    json text = good.program({end});
    change(text["graph_module"]);
    return refusal(good, text);
  };
  EXPECT_TRUE(test::contains(changed([](json& m) { m["graph"]["nodes"][0]["target"] = "torch.ops.aten.warp.default"; }),
                             "uses the operator aten::warp in layer 'body.0', which LibTorch "));
  EXPECT_TRUE(
      test::contains(changed([](json& m) { m["graph"]["nodes"][3]["target"] = "torch.ops.vision.nms.default"; }),
                     "uses the operator torch.ops.vision.nms.default, which is not known here"));
  EXPECT_TRUE(test::contains(changed([](json& m) { m["graph"]["nodes"][2]["inputs"][0]["arg"] = tensor("nobody"); }),
                             "nothing makes its value 'nobody'"));
  EXPECT_TRUE(test::contains(changed([](json& m) { m["graph"]["nodes"][2]["inputs"][0]["arg"] = tensor("no\nbody"); }),
                             R"(nothing makes its value 'no\x0abody')"));
  EXPECT_TRUE(test::contains(changed([](json& m) {
                               m["graph"]["nodes"][2]["inputs"][0]["arg"] = {{"as_ints", {1, 1e300}}};
                             }),
                             "is damaged: 1e+300 stands where a whole number is expected"));
  EXPECT_TRUE(test::contains(changed([](json& m) {
                               m["signature"]["input_specs"].push_back({{"user_input", {{"arg", tensor("y")}}}});
                             }),
                             "its inputs are 'x', 'y'; give all but the one that is explained"));
  EXPECT_TRUE(
      test::contains(changed([](json& m) { m["signature"]["output_specs"] = json::array(); }), "returns nothing"));
  EXPECT_TRUE(test::contains(changed([](json& m) { m.erase("signature"); }), "is damaged"));

  // What takes the place of decomposed layers makes no statistics.
  const ExportedProgram core = network(true);
  json text = core.program({last(core)});
  text["graph_module"]["graph"]["nodes"][2]["inputs"][0]["arg"] = tensor("unused_1");
  EXPECT_TRUE(test::contains(refusal(core, text), "nothing makes its value 'unused_1'"));

  auto records = good.records(good.program({end}));
  const auto refused = [&](const std::map<std::string, std::string>& changed_records) {
    test::write_archive(folder_ / "bad.pt2", changed_records);
    return test::message_of(Fault::input, [&] { open_model(folder_ / "bad.pt2"); });
  };
  auto other = records;
  other["models/second.json"] = other["models/model.json"];
  EXPECT_TRUE(test::contains(refused(other), "holds several programs (model, second)"));
  other = records;
  other.erase("models/model.json");
  other["data/aotinductor/model/model.so"] = "code";
  EXPECT_TRUE(test::contains(refused(other), "holds compiled code and no graph"));
  EXPECT_TRUE(test::contains(refused({{"archive_format", "pt2"}}), "is damaged: it holds no program"));
  EXPECT_TRUE(test::contains(refused({{"serialized_exported_program.json", "{}"}}),
                             "is damaged: it has no record 'serialized_state_dict.pt'"));
  other = records;
  other["models/model.json"] = std::string(100000, '[');
  EXPECT_TRUE(test::contains(refused(other), "is nested too deeply"));
  other = records;
  other["data/weights/weight_0"].resize(8);
  EXPECT_TRUE(test::contains(refused(other), "'body.0.weight' reaches beyond its 8 bytes"));
  json config = good.config();
  config["config"]["fc.bias"]["tensor_meta"]["strides"] = test::sizes_json({-3});
  other = records;
  other["data/weights/model_weights_config.json"] = config.dump();
  EXPECT_TRUE(test::contains(refused(other), "'fc.bias' reaches beyond"));
  config = good.config();
  config["config"]["fc.bias"]["use_pickle"] = true;
  other["data/weights/model_weights_config.json"] = config.dump();
  EXPECT_TRUE(test::contains(refused(other), "as a Python object"));
}

// Takes away, exchanges or falsifies one place of the text.
void damage(json& text, std::mt19937& random) {
  json* at = &text;
  while (at->is_structured() && !at->empty()) {
    auto entry = at->begin();
    std::advance(entry, random() % at->size());
    if (random() % 12 == 0) {
      at->erase(entry);
      return;
    }
    at = &*entry;
  }
  static const std::vector<json> others{nullptr, -1,   1e300,         int64_t{1} << 62, "x",
                                        "v3",    true, json::array(), json::object()};
  *at = others[random() % others.size()];
}

TEST_F(Exported, DamagedProgramsAreRefusedOrRun) {
  int refused = 0;
  for (int seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    const ExportedProgram program = network(seed % 2 == 1);
    json text = program.program({last(program)});
    for (int i = 0; i <= seed % 3; ++i) damage(text, random);
    const auto file = write(program, text);
    try {
      open_model(file)->inspect(x_);
    } catch (const Error& error) {
      ++refused;
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
      EXPECT_LT(std::string(error.what()).size(), 600U) << error.what();
    }
  }
  EXPECT_GT(refused, 100);
}

// Cut, flipped, and with other text or another directory under right checksums.
TEST_F(Exported, DamagedFilesAreRefused) {
  const ExportedProgram program = network(false);
  const std::string bytes = test::read_bytes(write(program, last(program)));
  int refused = 0;
  for (int seed = 0; seed < 500; ++seed) {
    std::mt19937 random(seed);
    std::string damaged = bytes;
    if (seed % 4 == 0) damaged.resize(random() % bytes.size());
    if (seed % 4 == 1) damaged[random() % bytes.size()] ^= static_cast<char>(1 + random() % 255);
    if (seed % 4 == 2) damaged[bytes.size() - 1 - random() % 1200] = static_cast<char>(random());
    folder_.write("damaged.pt2", damaged);
    if (seed % 4 == 3) {
      auto records = program.records(program.program({last(program)}));
      json config = program.config();
      damage(config, random);
      records["data/weights/model_weights_config.json"] = config.dump();
      test::write_archive(folder_ / "damaged.pt2", records);
    }
    try {
      open_model(folder_ / "damaged.pt2")->inspect(x_);
    } catch (const Error& error) {
      ++refused;
      EXPECT_EQ(error.fault(), Fault::input) << seed << ": " << error.what();
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    }
  }
  EXPECT_GT(refused, 350);
}

TEST_F(Exported, RecordsLieInTheFileAlone) {
  const ExportedProgram program = network(false);
  auto records = program.records(program.program({last(program)}));
  const auto refused = [&](const std::string& key, const json& value) {
    json config = program.config();
    config["config"]["fc.bias"]["path_name"] = "weight_0";
    (key == "path_name" ? config["config"]["fc.bias"] : config["config"]["fc.bias"]["tensor_meta"])[key] = value;
    records["data/weights/model_weights_config.json"] = config.dump();
    test::write_archive(folder_ / "bad.pt2", records);
    return test::message_of(Fault::input, [&] { open_model(folder_ / "bad.pt2"); });
  };
  EXPECT_TRUE(test::contains(refused("path_name", "../../../../etc/passwd"),
                             "it has no record 'data/weights/../../../../etc/passwd'"));
  EXPECT_TRUE(test::contains(refused("sizes", test::sizes_json({int64_t{1} << 62})), "'fc.bias' reaches beyond"));
  EXPECT_TRUE(test::contains(refused("strides", test::sizes_json({int64_t{1} << 62})), "'fc.bias' reaches beyond"));
  EXPECT_TRUE(test::contains(refused("storage_offset", {{"as_int", -1}}), "'fc.bias' reaches beyond"));
  EXPECT_TRUE(test::contains(refused("dtype", 99), "type number 99"));
}

// Of a program that was exported before model.eval().
TEST_F(Exported, IsEvaluated) {
  ExportedProgram program = network(false);
  for (json& input : program.nodes[1]["inputs"]) {
    if (input["name"] == "training") input["arg"] = {{"as_bool", true}};
  }
  const auto model = open_model(write(program, last(program)));
  EXPECT_TRUE(at::allclose(model->module_output(x_, false), scores(activation(x_)), 1e-12, 1e-12));
  ASSERT_EQ(model->remarks().size(), 1U);
  EXPECT_TRUE(test::contains(model->remarks()[0], "was exported in training mode; its batch_norm"));
}

}  // namespace
}  // namespace attune
