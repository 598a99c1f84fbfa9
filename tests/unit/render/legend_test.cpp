#include "render/legend.h"

#include <gtest/gtest.h>

#include "pictures.h"
#include "render/colormap.h"
#include "render/text.h"

namespace attune::test {
namespace {

Legend words(const std::string& method, const std::string& colormap = "") {
  return {method, "golden retriever", "98.3 %", colormap, "", ""};
}

Image strip_of(const Image& with_legend, int64_t picture_height) { return with_legend.slice(0, picture_height); }

// The number of pixels within `tolerance` of a colour.
int64_t count(const Image& image, const std::array<uint8_t, 3>& colour, int tolerance = 6) {
  const Image wanted = plain(image.size(0), image.size(1), colour[0], colour[1], colour[2]);
  return (difference(image, wanted) <= tolerance).sum().item<int64_t>();
}

TEST(Legend, IsAStripUnderThePicture) {
  const Image picture = textured(480, 640);
  const Image image = add_legend(picture, words("Grad-CAM"));
  require_image(image);
  ASSERT_EQ(image.size(1), 640);
  EXPECT_TRUE(at::equal(image.slice(0, 0, 480), picture));
  EXPECT_GT(image.size(0), 480 + 20);
  EXPECT_LT(image.size(0), 480 + 160);
}

TEST(Legend, EnlargesSmallPictures) {
  const Image image = add_legend(grey(32, 32, 90), words("Grad-CAM"));
  EXPECT_GE(image.size(1), 224);
  EXPECT_GT(image.size(0), image.size(1));
  EXPECT_EQ(channel(image, 100, 100, 0), 90);
  const Image wide = add_legend(grey(16, 64, 90), words("Grad-CAM"));
  EXPECT_GE(wide.size(1), 224);
  EXPECT_EQ(channel(wide, 30, 100, 0), 90);
}

TEST(Legend, TakesPicturesOfOnePixelAndVeryNarrowOnes) {
  for (const auto& [height, width] : {std::pair(1, 1), {400, 2}, {2, 400}}) {
    const Image image = add_legend(grey(height, width, 90), words("Grad-CAM (layer4)", "viridis"));
    require_image(image);
    EXPECT_GE(std::max(image.size(0), image.size(1)), 224);
  }
}

TEST(Legend, KeepsTheSizeOfLargePicturesAndScalesTheText) {
  const Image large = add_legend(grey(2000, 3000, 90), words("Grad-CAM"));
  const Image medium = add_legend(grey(400, 600, 90), words("Grad-CAM"));
  EXPECT_EQ(large.size(1), 3000);
  EXPECT_GT(large.size(0) - 2000, 2 * (medium.size(0) - 400));
}

// Label and score at the ends of the first line, the method below.
TEST(Legend, WritesItsTexts) {
  const Image strip = strip_of(add_legend(grey(300, 400, 90), words("Grad-CAM")), 300);
  const at::Tensor ink = strip.to(at::kInt).amax(2) > 120;
  const double margin = 9;  // and height of a capital letter
  const double label = text_width("golden retriever", {margin, {}, true}),
               score = text_width("98.3 %", {margin, {}, true}), method = text_width("Grad-CAM", {0.9 * margin});
  const auto expect_from = [](const at::Tensor& where, int64_t column, double left, double right) {
    const Extent found = extent(where.slice(1, column));
    EXPECT_NEAR(static_cast<double>(column + found.left), left, 2);
    EXPECT_NEAR(static_cast<double>(column + found.right), right, 2);
  };
  const at::Tensor first = ink.slice(0, 0, 23), second = ink.slice(0, 25);
  const auto middle = static_cast<int64_t>(margin + label) + 5;
  expect_from(first.slice(1, 0, middle), 0, margin, margin + label);
  expect_from(first, middle, 400 - margin - score, 400 - margin);
  expect_from(second, 0, margin, margin + method);
}

TEST(Legend, DrawsTheBarOfTheColormap) {
  const Image picture = grey(300, 400, 90);
  const Colormap& viridis = colormap("viridis");
  const Image with = strip_of(add_legend(picture, words("Grad-CAM", "viridis")), 300);
  const Image without = strip_of(add_legend(picture, words("Grad-CAM")), 300);
  for (size_t i : {16u, 96u, 160u, 240u}) {
    EXPECT_GT(count(with, viridis.colours[i]), 0) << i;
    EXPECT_EQ(count(without, viridis.colours[i]), 0) << i;
  }
}

TEST(Legend, WritesTheEndsOfTheBar) {
  const Image picture = grey(300, 400, 90);
  Legend legend = words("Grad-CAM", "viridis");
  legend.low = "low";
  legend.high = "high";
  const Image with = add_legend(picture, legend), without = add_legend(picture, words("Grad-CAM", "viridis"));
  EXPECT_FALSE(with.sizes() == without.sizes() && at::equal(with, without));
}

// Two texts that differ only beyond what fits look the same, and neither runs into the margin.
TEST(Legend, ElidesLongTexts) {
  const Image picture = grey(300, 300, 90);
  const std::string start(200, 'm');
  const auto labelled = [&](const std::string& label) {
    return add_legend(picture, {"Grad-CAM", label, "98.3 %", "", "", ""});
  };
  const Image a = labelled(start + "abc"), b = labelled(start + std::string(90, 'x'));
  EXPECT_TRUE(at::equal(a, b));
  EXPECT_EQ(a.sizes(), add_legend(picture, words("Grad-CAM")).sizes());
  const Image margin = strip_of(a, 300).slice(1, 298);
  EXPECT_EQ(largest_difference(margin, margin.slice(0, 0, 1).slice(1, 0, 1).expand_as(margin)), 0);
}

// However long a layer's name is, every letter of it is there.
TEST(Legend, NamesOfLayersTakeAsManyLinesAsTheyNeed) {
  const Image picture = grey(300, 300, 90);
  const std::string layer = "Grad-CAM (backbone.features.denseblock4.denselayer16.attention.projection.conv";
  const Image one = add_legend(picture, words(layer + "1)", "viridis"));
  const Image two = add_legend(picture, words(layer + "2)", "viridis"));
  EXPECT_GT(one.size(0), add_legend(picture, words("Grad-CAM", "viridis")).size(0) + 10);
  EXPECT_EQ(one.sizes(), two.sizes());
  EXPECT_FALSE(at::equal(one, two));
}

TEST(Legend, TakesEmptyTexts) {
  const Image image = add_legend(grey(300, 300, 90), {"Saliency", "", "", "", "", ""});
  EXPECT_GT(image.size(0), 300);
}

TEST(Legend, RefusesUnknownColormaps) {
  EXPECT_EQ(fault_of([] { add_legend(grey(300, 300, 90), words("Grad-CAM", "jett")); }), Fault::usage);
}

}  // namespace
}  // namespace attune::test
