#include "render/signal_picture.h"

#include <gtest/gtest.h>
#include <numeric>

#include "pictures.h"
#include "render/colormap.h"

namespace attune::test {
namespace {

// Where a picture has one of the colours of "inferno", boolean [H,W].
at::Tensor coloured(const Image& image, size_t place) {
  const auto& colour = colormap("inferno").colours.at(place);
  return difference(image, plain(image.size(0), image.size(1), colour[0], colour[1], colour[2])) < 8;
}

// First and last column of a row's coloured pixels.
std::pair<int64_t, int64_t> columns_of(const at::Tensor& row) {
  const at::Tensor found = row.nonzero();
  return {found[0].item<int64_t>(), found[-1].item<int64_t>()};
}

// The row of the band, which is the one with the most black.
int64_t band_row(const Image& image) { return coloured(image, 0).sum(1).argmax().item<int64_t>(); }

at::Tensor wave(int64_t channels, int64_t length) {
  const at::Tensor time = at::arange(length, at::kFloat).mul(20.0 / static_cast<double>(length));
  return time.sin().expand({channels, length}).contiguous();
}

// Heat in the third quarter.
at::Tensor third_quarter(int64_t length) {
  at::Tensor map = at::zeros({1, length});
  map[0].slice(0, length / 2, length * 3 / 4).fill_(1);
  return map;
}

void expect_third_quarter(const at::Tensor& hot_row, int64_t left, int64_t right) {
  const auto [first, last] = columns_of(hot_row);
  const auto width = static_cast<double>(right - left);
  EXPECT_NEAR(static_cast<double>(first - left) / width, 0.5, 0.03);
  EXPECT_NEAR(static_cast<double>(last - left) / width, 0.75, 0.03);
}

TEST(SignalPicture, HasTheHeatWhereTheAttributionIs) {
  for (const int64_t length : {64, 400, 20000}) {
    const Image image = signal_picture(wave(1, length), third_quarter(length));
    require_image(image);
    const int64_t band = band_row(image);
    const auto [left, right] = columns_of((coloured(image, 0).logical_or(coloured(image, 255)))[band]);
    EXPECT_GT(right - left, 800);
    expect_third_quarter(coloured(image, 255)[band], left, right);
    const at::Tensor on_curve = coloured(image, 255).slice(0, 0, band - 12).any(0);
    EXPECT_GT(on_curve.sum().item<int64_t>(), 100) << "the curve has the colour too";
    expect_third_quarter(on_curve, left, right);
  }
}

TEST(SignalPicture, ResizesCoarseMapsLinearly) {
  const std::vector<SignalCurve> curves = curves_of(wave(1, 8), at::tensor({0.0F, 1.0F}).view({1, 2}), {});
  ASSERT_EQ(curves.size(), 1U);
  const std::vector<float> expected = {0, 0, 0.125, 0.375, 0.625, 0.875, 1, 1};
  ASSERT_EQ(curves[0].heat.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(curves[0].heat[i], expected[i], 1e-6);
}

TEST(SignalPicture, LargerValuesAreHigher) {
  at::Tensor step = at::zeros({1, 100});
  step[0].slice(0, 50).fill_(1);
  const Image image = signal_picture(step, {});
  const at::Tensor ink = difference(image, plain(image.size(0), image.size(1), 66, 66, 74)) < 8;
  const auto height_at = [&](int64_t x) { return ink.select(1, x).nonzero()[0].item<int64_t>(); };
  EXPECT_LT(height_at(700), height_at(300) - 200);
}

TEST(SignalPicture, APeakOfALongSignalIsSeen) {
  at::Tensor signal = at::zeros({1, 100000}), map = at::zeros({1, 100000});
  signal[0][70001] = 5;
  map[0][70001] = 1;
  const std::vector<SignalCurve> curves = curves_of(signal, map, {});
  const std::vector<CurvePoint> points = points_of(curves[0], 500, false);
  EXPECT_LE(points.size(), 1000U);
  const auto peak = std::max_element(points.begin(), points.end(),
                                     [](const CurvePoint& a, const CurvePoint& b) { return a.value < b.value; });
  EXPECT_EQ(peak->value, 5);
  EXPECT_EQ(peak->sample, 70001);
  EXPECT_EQ(peak->heat, 1);
  const std::vector<float> columns = heat_columns(curves[0], 500, false);
  EXPECT_EQ(columns[349], 1);
  EXPECT_EQ(std::accumulate(columns.begin(), columns.end(), 0.0F), 1) << "in one column only";
}

TEST(SignalPicture, OfManyChannelsShowsThoseWithTheMostHeat) {
  SignalOptions options;
  options.shown = 3;
  at::Tensor map = at::zeros({20, 50});
  map[17] += 1;
  map[4] += 0.5;
  map[9] -= 9;
  const auto channels = [&](const at::Tensor& heat, bool signed_) {
    options.heat.signed_ = signed_;
    std::vector<int64_t> found;
    for (const SignalCurve& curve : curves_of(wave(20, 50), heat, options)) found.push_back(curve.channel);
    return found;
  };
  EXPECT_EQ(channels(map, false), (std::vector<int64_t>{0, 4, 17}));
  EXPECT_EQ(channels(map, true), (std::vector<int64_t>{4, 9, 17}));
  EXPECT_EQ(channels(map.slice(0, 0, 1), false), (std::vector<int64_t>{0, 1, 2})) << "one map for all channels";
  EXPECT_EQ(channels({}, false), (std::vector<int64_t>{0, 1, 2}));
}

TEST(SignalPicture, ChannelsHaveTheirOwnPlotsAndHeat) {
  at::Tensor map = at::zeros({2, 50});
  map[1] += 1;
  const Image image = signal_picture(wave(2, 50), map);
  const at::Tensor hot = coloured(image, 255).any(1).nonzero();
  EXPECT_GT(hot[0].item<int64_t>(), image.size(0) / 2 - 20) << "only in the second";
  EXPECT_LT(band_row(image), image.size(0) / 2);
}

TEST(SignalPicture, SignsAreDrawnOnDemand) {
  SignalOptions options;
  options.heat.signed_ = true;
  at::Tensor map = at::zeros({1, 50});
  map[0].slice(0, 0, 20).fill_(-1);
  const auto& blue = colormap("blue_red").colours[0];
  const auto blues = [&](const Image& image) {
    const Image all_blue = plain(image.size(0), image.size(1), blue[0], blue[1], blue[2]);
    return (difference(image, all_blue) < 8).sum().item<int64_t>();
  };
  EXPECT_GT(blues(signal_picture(wave(1, 50), map, options)), 1000);
  EXPECT_EQ(blues(signal_picture(wave(1, 50), map)), 0);
}

TEST(SignalPicture, TakesSmallPlacesAndOddSignals) {
  SignalOptions small;
  small.width = 224;
  small.height = 60;
  for (const at::Tensor& signal : {wave(3, 1), wave(1, 2), at::full({2, 40}, 1e30), at::full({2, 40}, -3e38)}) {
    const Image image = signal_picture(signal, at::ones({1, 1}), small);
    require_image(image);
    EXPECT_EQ(image.size(1), 224);
    require_image(signal_picture(signal, {}));
  }
}

TEST(SignalPicture, RefusesWhatItCannotDraw) {
  EXPECT_EQ(fault_of([] { signal_picture(at::ones({4}), {}); }), Fault::run);
  EXPECT_EQ(fault_of([] { signal_picture(at::ones({4, 5}), at::ones({3, 5})); }), Fault::run);
  EXPECT_EQ(fault_of([] { signal_picture(at::ones({4, 5}), at::full({1, 5}, std::nan(""))); }), Fault::run);
}

}  // namespace
}  // namespace attune::test
