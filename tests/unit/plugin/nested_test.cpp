// Methods that are made of other methods.
#include "support.h"

namespace attune {
namespace {

Catalogue nested() { return Catalogue::load_file(fixture("nested")); }

ComponentSpec wrap(const ComponentSpec& of) { return {"wrap", {{"of", of}}}; }

std::string refusal(const ComponentSpec& method) {
  return message_of([&] { nested().make_method(method.id, method.parameters); });
}

TEST(NestedMethods, AreMadeWithTheirParameters) {
  const Catalogue catalogue = nested();
  EXPECT_NE(catalogue.make_method("wrap"), nullptr);
  EXPECT_NE(catalogue.make_method("wrap", {{"of", ComponentSpec{"input", {{"scale", 3.0}}}}}), nullptr);
  EXPECT_NE(catalogue.make_method("wrap", wrap(wrap({"input", {}})).parameters), nullptr);
}

TEST(NestedMethods, AreCheckedLikeOthers) {
  EXPECT_EQ(refusal(wrap({"input", {{"scale", 11.0}}})),
            "method \"input\": parameter \"scale\" must be at most 10, not 11");
  EXPECT_EQ(refusal(wrap({"input", {{"scal", 1.0}}})),
            "method \"input\": unknown parameter \"scal\"; parameters are \"scale\", \"layers\", \"layer\" (did you "
            "mean \"scale\"?)");
  EXPECT_EQ(
      refusal(wrap({"inputs", {}})),
      "unknown method \"inputs\"; methods are \"input\", \"loop\", \"needy\", \"tripled\", \"wrap\" (did you mean "
      "\"input\"?)");
  EXPECT_EQ(refusal({"needy", {}}),
            "method \"needy\" needs the parameter \"of\", the id of a method; methods are \"input\", \"loop\", "
            "\"needy\", \"tripled\", \"wrap\"");
}

TEST(NestedMethods, MayBeMadeWithOtherParameters) {
  const auto tripled = [](double scale) {
    return ComponentSpec{"tripled", {{"of", ComponentSpec{"input", {{"scale", scale}}}}}};
  };
  EXPECT_EQ(refusal(tripled(3)), "no error");
  EXPECT_EQ(refusal(tripled(4)),
            "method \"tripled\": method \"input\": parameter \"scale\" must be at most 10, not 12");
}

TEST(NestedMethods, AreNestedSoDeepAndNoDeeper) {
  ComponentSpec method{"input", {}};
  for (int depth = 0; depth < deepest_nesting; ++depth) method = wrap(method);
  EXPECT_EQ(refusal(method), "no error");
  EXPECT_EQ(refusal(wrap(method)), "methods are nested more than 8 deep");
  EXPECT_EQ(refusal({"loop", {}}), "methods are nested more than 8 deep");
  EXPECT_EQ(refusal({"loop", {{"of", ComponentSpec{"input", {}}}}}), "no error");
}

TEST(NestedMethods, AreResolvedWithTheirDefaults) {
  const ComponentSpec whole = nested().resolved(ComponentKind::method, wrap({"input", {}}));
  const std::vector<std::string> layers{"auto"};
  const ComponentSpec input{"input", {{"layer", std::string("auto")}, {"layers", layers}, {"scale", 1.0}}};
  EXPECT_EQ(whole, (ComponentSpec{"wrap", {{"of", input}, {"times", int64_t{1}}}}));
}

TEST(NestedMethods, DecideWhatTheWholeCanDo) {
  const Catalogue catalogue = nested();
  const Descriptor own = catalogue.find("wrap")->descriptor;
  EXPECT_TRUE(own.differentiable);
  EXPECT_FALSE(own.at_input_resolution);
  for (const ComponentSpec& method : {ComponentSpec{"wrap", {}}, wrap(wrap({"input", {}}))}) {
    const Descriptor whole = catalogue.descriptor(ComponentKind::method, method);
    EXPECT_EQ(whole.id, "wrap");
    EXPECT_FALSE(whole.differentiable);
    EXPECT_TRUE(whole.deterministic);
    EXPECT_TRUE(whole.at_input_resolution);
    EXPECT_EQ(whole.ranks, std::vector<int>{2});
  }
}

TEST(NestedMethods, MayComeFromOtherPlugins) {
  const Catalogue catalogue = Catalogue::load_file(fixture("nested"), {{fixture_folder("good"), "test"}});
  EXPECT_NE(catalogue.make_method("wrap", {{"of", ComponentSpec{"good_copy", {}}}}), nullptr);
  EXPECT_EQ(catalogue.plugins().front().name, "nested");
}

}  // namespace
}  // namespace attune
