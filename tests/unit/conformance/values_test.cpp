// Values for parameters of every type: those that declarations allow, and those that they do not.

#include "conformance/values.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

namespace attune::conformance {
namespace {

const Catalogue& catalogue() {
  static const Catalogue loaded =
      Catalogue::load_file(std::string(ATTUNE_BUILD_DIR) + "/tests/plugins/parameters/attune-parameters.so");
  return loaded;
}

std::vector<ParameterDeclaration> declarations() {
  auto all = catalogue().find("sketch")->descriptor.parameters;
  all.push_back(choice_or_real("scale", std::string("std"), {"std", "variance"}, {1e-9, 1e9}, ""));
  all.push_back(map("source", "", ""));
  all.push_back(real("unbounded", 0, {-INFINITY, INFINITY}, ""));
  all.push_back(integer("half", 5000, {2000, INFINITY}, ""));
  return all;
}

std::unique_ptr<Subject> subject() { return make_subject(catalogue(), *catalogue().find("dot")); }

TEST(Values, AreAllowedOrNotAsTheDeclarationSays) {
  for (const ParameterDeclaration& declared : declarations()) {
    for (const uint64_t seed : {1, 2, 3}) {
      const auto allowed = allowed_values(declared, *subject(), seed);
      EXPECT_EQ(allowed.empty(), declared.type == ParameterType::map) << declared.name;  // correlations have no maps
      for (const auto& value : allowed) EXPECT_EQ(check_value(declared, value), "") << declared.name;
    }
    EXPECT_FALSE(refused_values(declared).empty());
    for (const auto& value : refused_values(declared)) {
      EXPECT_NE(check_value(declared, value), "") << declared.name << ": " << attune::to_string(value);
    }
  }
}

TEST(Values, IncludeTheEndsOfRangesAndEveryChoice) {
  const auto holds = [](const std::vector<ParameterValue>& values, const ParameterValue& value) {
    return std::count(values.begin(), values.end(), value) > 0;
  };
  const auto steps = allowed_values(integer("steps", 8, {1, 100}, ""), *subject(), 1);
  EXPECT_TRUE(holds(steps, int64_t{1}) && holds(steps, int64_t{100}) && holds(steps, int64_t{8}));
  const auto scale = allowed_values(choice_or_real("scale", 1.0, {"std", "variance"}, {1e-9, 1e9}, ""), *subject(), 1);
  EXPECT_TRUE(holds(scale, 1e-9) && holds(scale, 1e9) && holds(scale, std::string("variance")));
  const auto refused = refused_values(integer("steps", 8, {1, 100}, ""));
  EXPECT_TRUE(holds(refused, int64_t{0}) && holds(refused, int64_t{200}));
}

}  // namespace
}  // namespace attune::conformance
