// Models that take several inputs, in every way that a forward can take them.

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "errors.h"
#include "models.h"

namespace attune {
namespace {

// Pictures and a row of numbers to 4 classes: the numbers scale the channels of the convolution.
torch::jit::Module two_inputs(const std::string& signature, const std::string& x, const std::string& meta) {
  torch::jit::Module m("__torch__.TwoInputs");
  m.register_attribute("training", c10::BoolType::get(), false);
  m.register_module("conv", test::conv(3, 5, 1));
  m.register_module("act", test::activation("torch.relu(x)"));
  m.register_parameter("w", test::seeded({5, 2}, 2).requires_grad_(), false);
  m.register_parameter("fc", test::seeded({4, 5}, 3).requires_grad_(), false);
  m.define("def forward(self, " + signature + "):\n  scale = torch.linear(" + meta +
           ", self.w)\n  y = self.act.forward(self.conv.forward(" + x +
           ") * scale.unsqueeze(2).unsqueeze(3))\n  return torch.linear(torch.mean(y, [2, 3]), self.fc)\n");
  return m;
}

class SeveralInputs : public testing::Test {
 protected:
  // What the file's own forward gives of these arguments.
  at::Tensor expected(torch::jit::Module module, const std::vector<c10::IValue>& inputs) {
    return module.forward(inputs).toTensor();
  }

  std::shared_ptr<ImageModel> opened(const torch::jit::Module& module, const NamedTensorList& extra) {
    ModelOptions options;
    options.extra = extra;
    return torchscript_model(module, options);
  }

  std::string refusal(const torch::jit::Module& module, const NamedTensorList& extra) {
    return test::message_of(Fault::input, [&] { opened(module, extra); });
  }

  at::Tensor x_ = test::seeded({3, 3, 6, 5}, 4);
  at::Tensor meta_ = test::seeded({1, 2}, 5);
  at::Tensor metas_ = meta_.expand({3, 2});
};

void expect_output(ImageModel& model, const at::Tensor& x, const at::Tensor& expected) {
  EXPECT_TRUE(at::allclose(model.module_output(x, false), expected));
  EXPECT_TRUE(at::allclose(model.forward(x, {}, false)->output(), expected));
}

TEST_F(SeveralInputs, StandBesideEveryRow) {
  const auto module = two_inputs("image, meta", "image", "meta");
  const auto model = opened(module, {{"meta", meta_}});
  expect_output(*model, x_, expected(module, {x_, metas_}));
  EXPECT_EQ(model->auto_layer(x_), "act");
  EXPECT_EQ(model->likely_input(), (std::vector<int64_t>{3, 224, 224}));
  // Written anew, the tensor is read anew.
  meta_.copy_(test::seeded({1, 2}, 6));
  expect_output(*model, x_, expected(module, {x_, meta_.expand({3, 2})}));
  // Of another type than the model.
  const auto single = model->copy(at::kFloat);
  EXPECT_TRUE(at::allclose(single->forward(x_.to(at::kFloat), {}, false)->output().to(at::kDouble),
                           expected(module, {x_, meta_.expand({3, 2})}), 1e-4, 1e-5));
}

TEST_F(SeveralInputs, LeaveGradientsAsTheyAre) {
  const auto module = two_inputs("image, meta", "image", "meta");
  const auto model = opened(module, {{"meta", meta_}});
  Needs needs;
  needs.captures = {{"act"}};
  needs.gradients = true;
  const auto pass = model->forward(x_, needs, true);
  const at::AutoGradMode mode(true);
  const at::Tensor gradient =
      pass->gradients(pass->output().select(1, 1), {pass->activation("act")}, Rectifier::standard)[0];
  const at::Tensor fc = module.attr("fc").toTensor();
  EXPECT_TRUE(at::allclose(gradient, (fc[1] / 30).view({1, 5, 1, 1}).expand_as(gradient)));
  const at::Tensor w = module.attr("w").toTensor();
  const auto found = torch::autograd::grad({pass->output().select(1, 1).sum()}, {w})[0];
  const auto wanted = torch::autograd::grad({expected(module, {x_, metas_}).select(1, 1).sum()}, {w})[0];
  EXPECT_TRUE(at::allclose(found, wanted));
}

TEST_F(SeveralInputs, EitherCanBeExplained) {
  const auto module = two_inputs("image, meta", "image", "meta");
  const at::Tensor metas = test::seeded({4, 2}, 7), picture = x_.narrow(0, 0, 1);
  expect_output(*opened(module, {{"image", picture}}), metas, expected(module, {picture.expand({4, 3, 6, 5}), metas}));
}

TEST_F(SeveralInputs, MayComeInDictionariesListsAndTuples) {
  c10::Dict<std::string, at::Tensor> dictionary;
  dictionary.insert("image", x_);
  dictionary.insert("meta", metas_);
  const auto of_dictionary = two_inputs("batch: Dict[str, Tensor]", "batch[\"image\"]", "batch[\"meta\"]");
  expect_output(*opened(of_dictionary, {{"meta", meta_}}), x_, expected(of_dictionary, {dictionary}));
  const auto of_list = two_inputs("batch: List[Tensor]", "batch[1]", "batch[0]");
  expect_output(*opened(of_list, {{"0", meta_}}), x_, expected(of_list, {c10::List<at::Tensor>({metas_, x_})}));
  const auto of_tuple = two_inputs("batch: Tuple[Tensor, Tensor]", "batch[0]", "batch[1]");
  expect_output(*opened(of_tuple, {{"1", meta_}}), x_, expected(of_tuple, {c10::ivalue::Tuple::create(x_, metas_)}));
}

TEST_F(SeveralInputs, MayHaveDefaults) {
  const auto module =
      two_inputs("image, meta: Optional[Tensor] = None, factor: float = 2.0", "image",
                 "(torch.ones([image.size(0), 2], dtype=image.dtype) if meta is None else meta) * factor");
  expect_output(*opened(module, {}), x_, expected(module, {x_}));
  expect_output(*opened(module, {{"meta", meta_}}), x_, expected(module, {x_, metas_}));
}

TEST_F(SeveralInputs, MustBeNamedButForOne) {
  const auto module = two_inputs("image, meta", "image", "meta");
  EXPECT_EQ(refusal(module, {}),
            "its inputs are 'image', 'meta'; give all but the one that is explained (--extra NAME=FILE.npy)");
  EXPECT_EQ(refusal(module, {{"mete", meta_}}),
            "the model has no input 'mete' (did you mean \"meta\"?); its inputs are 'image', 'meta'");
  EXPECT_EQ(refusal(module, {{"meta", metas_}}),
            "the input 'meta' has the shape [3, 2]; expected [1,...], one row for all");
  EXPECT_EQ(refusal(module, {{"meta", meta_}, {"image", x_.narrow(0, 0, 1)}}),
            "its inputs are 'image', 'meta'; leave one of them, which is explained");
  EXPECT_EQ(refusal(test::small_model(), {{"meta", meta_}}), "the model has no input 'meta'; its inputs are 'x'");
  EXPECT_NE(refusal(two_inputs("image, meta, factor: float", "image", "meta * factor"), {{"meta", meta_}})
                .find("takes 'factor' as float"),
            std::string::npos);
}

}  // namespace
}  // namespace attune
