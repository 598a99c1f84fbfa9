#include "plugin/registration.h"

#include <gtest/gtest.h>

#include "support.h"

namespace attune {
namespace {

class Nothing : public Correlation {
 public:
  explicit Nothing(const Parameters&) {}
  at::Tensor correlate(const AttentionMap& a, const AttentionMap&) const override { return a.values; }
};

Descriptor described(const std::string& id, std::vector<ParameterDeclaration> parameters = {}) {
  Descriptor descriptor;
  descriptor.id = id;
  descriptor.parameters = std::move(parameters);
  return descriptor;
}

Registration registration() {
  return Registration("new.so", [](const std::string& id) { return id == "old" ? "old.so" : ""; });
}

// What registering such a component answers.
std::string answer(const Descriptor& descriptor) {
  return message_of([&] { registration().add_correlation<Nothing>(descriptor); });
}

std::string answer(const ParameterDeclaration& parameter) { return answer(described("x", {parameter})); }

TEST(Registration, TakesIdsWithAndWithoutVendor) {
  for (const char* id : {"gradcam", "grad_cam2", "acme.gradcam", "2d"})
    EXPECT_EQ(answer(described(id)), "no error") << id;
}

TEST(Registration, RefusesOtherIds) {
  for (const char* id : {"", "GradCam", "grad-cam", "grad cam", ".cam", "cam.", "a.b.c", "a/b", "a\n"}) {
    EXPECT_NE(answer(described(id)).find("has an id that is not made of"), std::string::npos) << id;
  }
}

TEST(Registration, RefusesGroupsThatAreNoNames) {
  Descriptor descriptor = described("x");
  descriptor.groups = {"cam", "all-cam"};
  EXPECT_EQ(answer(descriptor),
            "correlation \"x\" is of a group \"all-cam\" that is not made of lower-case letters, digits and "
            "underscores");
  descriptor.groups = {"cam", "my_own2"};
  EXPECT_EQ(answer(descriptor), "no error");
}

TEST(Registration, RefusesReservedParameters) {
  for (const char* name : {"use", "name", "normalise", "stop_gradient", "weight"}) {
    EXPECT_EQ(answer(boolean(name, true, "")),
              "correlation \"x\" has a parameter \"" + std::string(name) +
                  "\" that has a name that specs reserve (use, name, normalise, stop_gradient, weight)");
  }
  EXPECT_EQ(answer(boolean("weights", true, "")), "no error");
}

TEST(Registration, RefusesParameterNames) {
  for (const char* name : {"", "Scale", "a.b", "a-b"}) {
    EXPECT_NE(answer(boolean(name, true, "")).find("has a name that is not made of"), std::string::npos) << name;
  }
  EXPECT_EQ(answer(described("x", {boolean("a", true, ""), real("a", 0, {0, 1}, "")})),
            "correlation \"x\" has a parameter \"a\" that is declared twice");
}

TEST(Registration, RefusesDefaultsOutOfTheirOwnRange) {
  EXPECT_EQ(
      answer(real("a", 2, {0, 1}, "")),
      "correlation \"x\" has a parameter \"a\" that has a default that its own declaration does not allow: it must "
      "be at most 1, not 2");
  EXPECT_EQ(
      answer(choice("a", "no", {"yes"}, "")),
      "correlation \"x\" has a parameter \"a\" that has a default that its own declaration does not allow: it must "
      "be one of \"yes\", not \"no\"");
  EXPECT_EQ(answer(real("a", 1, {2, 0}, "")),
            "correlation \"x\" has a parameter \"a\" that has a minimum above its maximum");
  EXPECT_EQ(answer(list("a", {}, {0, 1}, "")), "no error");
}

TEST(Registration, OnlyMethodsNestMethods) {
  EXPECT_EQ(answer(method("of", {"gradcam", {}}, "")),
            "correlation \"x\" has a parameter \"of\" that names a method, which only methods are given");
  Descriptor descriptor = described("x", {integer("of", 1, {1, 2}, "")});
  descriptor.resolution_of = "of";
  EXPECT_EQ(answer(descriptor), "correlation \"x\" has maps of the resolution of \"of\", which is no method parameter");
}

TEST(Registration, RefusesRanks) {
  Descriptor descriptor = described("x");
  descriptor.ranks = {2, 4};
  EXPECT_EQ(answer(descriptor), "correlation \"x\" has spatial ranks other than 1, 2 and 3");
  descriptor.ranks = {};
  EXPECT_EQ(answer(descriptor), "correlation \"x\" has spatial ranks other than 1, 2 and 3");
}

TEST(Registration, RefusesEmptyFactories) {
  EXPECT_EQ(message_of([] { registration().add(described("x"), MethodFactory()); }),
            "method \"x\" has an empty factory");
}

TEST(Registration, RefusesOneIdTwice) {
  Registration twice = registration();
  twice.add_correlation<Nothing>(described("x"));
  EXPECT_EQ(message_of([&] { twice.add_correlation<Nothing>(described("x")); }),
            "correlation \"x\" is registered twice by new.so");
  EXPECT_EQ(answer(described("old")),
            "correlation \"old\" is registered by new.so, but old.so comes first on the search path and registered it "
            "already");
}

TEST(Registration, GivesWhatWasRegistered) {
  Registration one = registration();
  one.add_correlation<Nothing>(described("x"));
  const auto registered = one.take();
  ASSERT_EQ(registered.size(), 1u);
  EXPECT_EQ(registered.at("x").descriptor.kind, ComponentKind::correlation);
}

TEST(Registration, AHiddenFaultComesOutAtTheEnd) {
  Registration one = registration();
  one.add_correlation<Nothing>(described("x"));
  EXPECT_THROW(one.add_correlation<Nothing>(described("Y")), Error);
  EXPECT_NE(message_of([&] { one.take(); }).find("correlation \"Y\" has an id"), std::string::npos);
}

}  // namespace
}  // namespace attune
