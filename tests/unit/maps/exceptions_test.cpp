// Whatever a component throws is one sentence that names it.
#include <gtest/gtest.h>
#include <new>
#include <stdexcept>

#include "errors.h"
#include "model/failure.h"
#include "support.h"

namespace attune::test {
namespace {

TEST(ComponentExceptions, AreOneSentenceEach) {
  const auto said = [](const std::function<void()>& action) {
    return message_of(Fault::run, [&] { call_component("matcher 'mask'", action); });
  };
  EXPECT_EQ(said([] { at::ones({2}).add(at::ones({3})); }),
            "matcher 'mask' failed: The size of tensor a (2) must match the size of tensor b (3) at non-singleton "
            "dimension 0");
  EXPECT_EQ(said([] { throw std::runtime_error("no such weight\nwith a trace"); }),
            "matcher 'mask' failed: no such weight");
  EXPECT_EQ(said([] { throw std::runtime_error(""); }), "matcher 'mask' failed: it does not say why");
  EXPECT_EQ(said([] { throw std::bad_alloc(); }), "matcher 'mask' failed: there is not enough memory");
  EXPECT_EQ(said([] { throw 42; }), "matcher 'mask' failed: something was thrown that is not a std::exception");
  EXPECT_EQ(said([] { throw Error(Fault::run, "the map is empty\nreally"); }), "matcher 'mask': the map is empty");
}

TEST(ComponentExceptions, KeepTheirFault) {
  EXPECT_EQ(message_of(Fault::spec,
                       [] { call_component("correlation 'ssim'", [] { throw Error(Fault::spec, "too wide"); }); }),
            "correlation 'ssim': too wide");
}

// A map that a matcher asks for is the map's fault.
TEST(ComponentExceptions, NameTheInnermost) {
  const auto map = [] { call_component("the method of map 'cam'", [] { throw std::runtime_error("no weights"); }); };
  EXPECT_EQ(message_of(Fault::run, [&] { call_component("matcher 'mask'", map); }),
            "the method of map 'cam' failed: no weights");
}

TEST(ComponentExceptions, ResultsPass) {
  EXPECT_EQ(call_component("a", [] { return 7; }), 7);
}

MapRequest failing(const std::function<void()>& action) {
  return request("failing", input_needs(), [action](Pass& pass, const Target&) {
    action();
    return AttentionMap{pass.input(), true};
  });
}

TEST(ComponentExceptions, OfMethodsNameTheMap) {
  TorchScriptModel model(small_model());
  const auto said = [&](Fault fault, const MapRequest& request) {
    return message_of(fault, [&] { compute_maps(model, two_inputs(), {input_gradient(), request}, choices({"0"})); });
  };
  EXPECT_EQ(said(Fault::spec, failing([] { throw Error(Fault::spec, "as it is"); })),
            "the method of map 'failing': as it is");
  EXPECT_EQ(said(Fault::run, failing([] { at::ones({2}).view({3}); })),
            "the method of map 'failing' failed: shape '[3]' is invalid for input of size 2");
  EXPECT_EQ(said(Fault::run, failing([] { throw 42; })),
            "the method of map 'failing' failed: something was thrown that is not a std::exception");
}

TEST(ComponentExceptions, OfOptionalMethodsLeaveThemOut) {
  TorchScriptModel model(small_model());
  MapRequest optional = failing([] { throw Error(Fault::run, "not this model"); });
  optional.optional = true;
  const MapSet set = compute_maps(model, two_inputs(), {optional, input_gradient()}, choices({"0"}));
  EXPECT_EQ(set.refusals, (std::vector<std::string>{"the method of map 'failing': not this model", ""}));
  EXPECT_TRUE(set.maps[0].empty());
  EXPECT_EQ(set.maps[1].size(), 1U);
  optional = failing([] { throw Error(Fault::spec, "the user's"); });
  optional.optional = true;
  EXPECT_EQ(message_of(Fault::spec, [&] { compute_maps(model, two_inputs(), {optional}, choices({"0"})); }),
            "the method of map 'failing': the user's");
}

class Unable final : public AttentionMethod {
 public:
  Needs needs(const Model& model) const override {
    model.parameter("no.such.weight");
    return {};
  }
  AttentionMap attend(Pass& pass, const Target&) const override { return {pass.input(), true}; }
};

TEST(ComponentExceptions, OfNeedsToo) {
  TorchScriptModel model(small_model());
  const std::string said = message_of(Fault::run, [&] {
    compute_maps(model, two_inputs(), {{"unable", std::make_shared<Unable>()}}, choices({"0"}));
  });
  EXPECT_TRUE(contains(said, "the method of map 'unable': the model has no parameter 'no.such.weight'")) << said;
}

}  // namespace
}  // namespace attune::test
