#include "render/colormap.h"

#include <gtest/gtest.h>

#include "pictures.h"

namespace attune::test {
namespace {

double luminance(const std::array<uint8_t, 3>& colour) {
  return 0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2];
}

void expect_colour(const std::array<uint8_t, 3>& colour, int red, int green, int blue) {
  EXPECT_NEAR(colour[0], red, 2);
  EXPECT_NEAR(colour[1], green, 2);
  EXPECT_NEAR(colour[2], blue, 2);
}

TEST(Colormap, HasTheDocumentedNames) {
  std::vector<std::string> names = colormap_names();
  std::sort(names.begin(), names.end());
  const std::vector<std::string> expected = {"blue_red", "cividis", "grey",  "inferno",
                                             "magma",    "plasma",  "turbo", "viridis"};
  EXPECT_EQ(names, expected);
  for (const std::string& name : names) EXPECT_EQ(colormap(name).name, name);
}

TEST(Colormap, RefusesUnknownNamesWithTheNearest) {
  std::string message;
  EXPECT_EQ(fault_of([] { colormap("virids"); }, &message), Fault::usage);
  EXPECT_NE(message.find("virids"), std::string::npos);
  EXPECT_NE(message.find("viridis"), std::string::npos);
}

TEST(Colormap, HasMatplotlibsColours) {
  expect_colour(colormap("viridis").colours[0], 68, 1, 84);
  expect_colour(colormap("viridis").colours[128], 33, 145, 140);
  expect_colour(colormap("viridis").colours[255], 253, 231, 37);
  expect_colour(colormap("inferno").colours[0], 0, 0, 4);
  expect_colour(colormap("inferno").colours[255], 252, 255, 164);
  expect_colour(colormap("magma").colours[255], 252, 253, 191);
  expect_colour(colormap("plasma").colours[0], 13, 8, 135);
  expect_colour(colormap("cividis").colours[0], 0, 34, 78);
  expect_colour(colormap("grey").colours[77], 77, 77, 77);
}

TEST(Colormap, GetsLighterAllTheWay) {
  for (const char* name : {"viridis", "inferno", "magma", "plasma", "cividis", "grey"}) {
    const Colormap& map = colormap(name);
    EXPECT_FALSE(map.diverging) << name;
    for (size_t i = 0; i + 8 < 256; i += 8) EXPECT_LT(luminance(map.colours[i]), luminance(map.colours[i + 8])) << name;
  }
}

TEST(Colormap, DivergingOneIsNeutralInTheMiddleAndEquallyStrongAtItsEnds) {
  const Colormap& map = colormap("blue_red");
  EXPECT_TRUE(map.diverging);
  for (size_t i : {127u, 128u}) {
    const auto [low, high] = std::minmax({map.colours[i][0], map.colours[i][1], map.colours[i][2]});
    EXPECT_LT(high - low, 16);
  }
  EXPECT_GT(map.colours[0][2], map.colours[0][0] + 60);
  EXPECT_GT(map.colours[255][0], map.colours[255][2] + 60);
  EXPECT_NEAR(luminance(map.colours[0]), luminance(map.colours[255]), 40);
}

TEST(Colormap, AppliesToValuesAndClampsThem) {
  const Colormap& map = colormap("grey");
  const Image image = apply(map, at::tensor({0.0, 0.5, 1.0, -3.0, 7.0, 0.25}, at::kFloat).view({2, 3}));
  require_image(image);
  ASSERT_EQ(image.sizes(), at::IntArrayRef({2, 3, 3}));
  EXPECT_EQ(channel(image, 0, 0, 0), 0);
  EXPECT_NEAR(channel(image, 0, 1, 1), 128, 1);
  EXPECT_EQ(channel(image, 0, 2, 2), 255);
  EXPECT_EQ(channel(image, 1, 0, 0), 0);
  EXPECT_EQ(channel(image, 1, 1, 1), 255);
  EXPECT_NEAR(channel(image, 1, 2, 2), 64, 1);
}

TEST(Colormap, GivesRedGreenBlueInThatOrder) {
  const Image image = apply(colormap("viridis"), at::ones({1, 1}));
  EXPECT_NEAR(channel(image, 0, 0, 0), 253, 2);
  EXPECT_NEAR(channel(image, 0, 0, 2), 37, 2);
}

}  // namespace
}  // namespace attune::test
