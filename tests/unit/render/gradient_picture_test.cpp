#include <cmath>
#include <gtest/gtest.h>

#include "pictures.h"
#include "render/overlay.h"

namespace attune::test {
namespace {

Image draw(const at::Tensor& gradient) {
  const int64_t height = gradient.size(1), width = gradient.size(2);
  return gradient_picture(gradient, {0, 0, static_cast<double>(width), static_cast<double>(height)}, height, width);
}

TEST(GradientPicture, DrawsColourGradientsAsSpringenbergDoes) {
  at::manual_seed(1);
  const at::Tensor gradient = at::randn({3, 24, 31}, at::kDouble) * 1e-4;
  const at::Tensor scaled = (gradient - gradient.mean()) / gradient.std() * 0.1 + 0.5;
  const at::Tensor expected = scaled.clamp(0, 1).mul(255).permute({1, 2, 0});
  const Image drawn = draw(gradient.to(at::kFloat));
  require_image(drawn);
  EXPECT_LE((drawn.to(at::kDouble) - expected).abs().max().item<double>(), 1.5);
}

TEST(GradientPicture, IsGreyWhereNothingPointsAnywhere) {
  const Image drawn = draw(at::zeros({3, 12, 17}));
  EXPECT_LE(largest_difference(drawn, grey(12, 17, 128)), 1);
}

TEST(GradientPicture, OneValueEverywhereIsDrawnWithoutNaN) {
  const Image drawn = draw(at::full({3, 8, 8}, 0.3));
  EXPECT_EQ(drawn.min().item<int>(), drawn.max().item<int>());
}

TEST(GradientPicture, DrawsOtherGradientsWhiteOnBlack) {
  at::Tensor gradient = at::zeros({1, 40, 40});
  gradient.slice(1, 10, 20).slice(2, 10, 20).fill_(-5);
  const Image drawn = draw(gradient);
  EXPECT_EQ(channel(drawn, 30, 30, 0), 0);
  EXPECT_EQ(channel(drawn, 15, 15, 0), 255);
  EXPECT_TRUE(at::equal(drawn.select(2, 0), drawn.select(2, 1)));
  EXPECT_TRUE(at::equal(drawn.select(2, 0), drawn.select(2, 2)));
}

TEST(GradientPicture, SumsAbsoluteValuesOverChannels) {
  at::Tensor gradient = at::zeros({2, 20, 20});
  gradient.slice(2, 0, 10).fill_(1);
  gradient[1].slice(1, 0, 10).fill_(-1);
  gradient[0].slice(1, 10).fill_(1);
  const Image drawn = draw(gradient);  // 2 on the left, 1 on the right
  EXPECT_EQ(channel(drawn, 10, 2, 0), 255);
  EXPECT_NEAR(channel(drawn, 10, 17, 0), 128, 1);
}

TEST(GradientPicture, OnePeakDoesNotBlackenTheRest) {
  at::manual_seed(2);
  at::Tensor gradient = at::rand({1, 60, 60}) * 0.5 + 0.5;
  gradient[0][30][30] = 1e6;
  EXPECT_GT(draw(gradient).to(at::kDouble).mean().item<double>(), 150);
}

TEST(GradientPicture, ASinglePixelIsSeen) {
  at::Tensor gradient = at::zeros({1, 60, 60});
  gradient[0][20][40] = 1e-6;
  const Image drawn = draw(gradient);
  EXPECT_EQ(channel(drawn, 20, 40, 0), 255);
  EXPECT_EQ(channel(drawn, 40, 20, 0), 0);
}

TEST(GradientPicture, LiesInItsRegion) {
  at::Tensor gradient = at::zeros({1, 30, 30});
  gradient[0].slice(0, 6, 9).slice(1, 21, 24).fill_(1);
  const Image drawn = gradient_picture(gradient, {40, 20, 120, 60}, 100, 200);
  ASSERT_EQ(drawn.sizes(), at::IntArrayRef({100, 200, 3}));
  const at::Tensor outside = grey(100, 200, channel(drawn, 0, 0, 0));
  const Point centre = centre_of_mass(difference(drawn, outside).slice(0, 20, 80).slice(1, 40, 160));
  EXPECT_NEAR(centre.x, 22.5 * 4, 2);
  EXPECT_NEAR(centre.y, 7.5 * 2, 2);
}

TEST(GradientPicture, RefusesWhatItCannotDraw) {
  at::Tensor gradient = at::ones({3, 6, 6});
  gradient[1][2][3] = std::nan("");
  EXPECT_EQ(fault_of([&] { draw(gradient); }), Fault::run);
  const Region region{0, 0, 6, 6};
  EXPECT_EQ(fault_of([&] { gradient_picture(at::ones({6, 6}), region, 6, 6); }), Fault::run);
  EXPECT_EQ(fault_of([&] { gradient_picture(at::ones({3, 0, 6}), region, 6, 6); }), Fault::run);
}

}  // namespace
}  // namespace attune::test
