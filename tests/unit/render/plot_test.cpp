#include "render/plot.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <set>

#include "pictures.h"
#include "render/axis.h"

namespace attune::test {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Where a chart has the colour of its i-th curve; boolean [H,W].
at::Tensor ink(const Image& image, size_t i) {
  constexpr std::array<std::array<int, 3>, 4> colours = {
      {{78, 121, 167}, {242, 142, 43}, {225, 87, 89}, {118, 183, 178}}};
  const auto& colour = colours.at(i);
  return difference(image, plain(image.size(0), image.size(1), colour[0], colour[1], colour[2])) < 3;
}

Point centre(const Image& image, size_t i) { return centre_of_mass(ink(image, i).to(at::kDouble)); }

// First and last row with ink, and columns.
struct Extent {
  int64_t top, bottom, left, right;
};
Extent extent(const at::Tensor& where) {
  const auto ends = [](const at::Tensor& any) {
    const at::Tensor found = any.nonzero();
    return std::pair(found[0].item<int64_t>(), found[-1].item<int64_t>());
  };
  const auto [top, bottom] = ends(where.any(1));
  const auto [left, right] = ends(where.any(0));
  return {top, bottom, left, right};
}

TEST(Axis, HasRoundTicks) {
  const Axis axis = widened(axis_of({0.13, 0.87}, 6));
  EXPECT_DOUBLE_EQ(axis.low, 0);
  EXPECT_DOUBLE_EQ(axis.high, 1);
  EXPECT_DOUBLE_EQ(axis.step, 0.2);
  std::vector<std::string> texts;
  for (const double tick : axis.ticks()) texts.push_back(axis.text(tick));
  EXPECT_EQ(texts, (std::vector<std::string>{"0", "0.2", "0.4", "0.6", "0.8", "1.0"}));
}

TEST(Axis, TellsWholeNumbersWithoutFractions) {
  const Axis axis = axis_of({1, 2, 3}, 8);
  EXPECT_DOUBLE_EQ(axis.step, 1);
  EXPECT_EQ(axis.ticks(), (std::vector<double>{1, 2, 3}));
  EXPECT_EQ(axis.text(2), "2");
}

TEST(Axis, TakesAnyNumbers) {
  for (const std::vector<double>& values : {std::vector<double>{},
                                            {kNaN},
                                            {kInfinity, -kInfinity},
                                            {5, 5},
                                            {0},
                                            {-1e299, 1e299},
                                            {1e-320},
                                            {1, 1 + 1e-16},
                                            {-3e-9, 2e-9},
                                            {1e15, 1e15 + 4},
                                            {-7}}) {
    const Axis axis = widened(axis_of(values, 6));
    EXPECT_LT(axis.low, axis.high);
    EXPECT_GT(axis.step, 0);
    EXPECT_GE(axis.ticks().size(), 2U);
    EXPECT_LE(axis.ticks().size(), 20U);
    for (const double value : values) {
      if (!is_drawable(value)) continue;
      EXPECT_GE(axis.share(value), -1e-9);
      EXPECT_LE(axis.share(value), 1 + 1e-9);
    }
  }
}

TEST(Axis, TicksThatAreNearEachOtherHaveDifferentTexts) {
  for (const std::vector<double>& values : {std::vector<double>{1e-6, 3e-6}, {1e6, 1e6 + 3}, {0.9991, 0.9993}}) {
    const Axis axis = axis_of(values, 6);
    std::set<std::string> texts;
    for (const double tick : axis.ticks()) texts.insert(axis.text(tick));
    EXPECT_EQ(texts.size(), axis.ticks().size()) << *texts.begin();
  }
}

TEST(Axis, OfPowersOfTen) {
  const Axis axis = logarithmic_axis_of({2e-5, 1e-3, 0, kNaN});
  EXPECT_NEAR(axis.low, 1e-5, 1e-12);
  EXPECT_NEAR(axis.high, 1e-3, 1e-12);
  EXPECT_NEAR(axis.share(1e-4), 0.5, 1e-9);
  EXPECT_FALSE(axis.takes(0));
  std::vector<std::string> texts;
  for (const double tick : axis.ticks()) texts.push_back(axis.text(tick));
  EXPECT_EQ(texts, (std::vector<std::string>{"1e-5", "1e-4", "1e-3"}));
  for (const std::vector<double>& values : {std::vector<double>{}, {0.0}, {-1.0, kInfinity}, {1e-3}, {1e-300, 1e290}}) {
    const Axis some = logarithmic_axis_of(values);
    EXPECT_LT(some.low, some.high);
    EXPECT_GE(some.ticks().size(), 2U);
    EXPECT_LE(some.ticks().size(), 8U);
    for (const double value : values) {
      if (!some.takes(value)) continue;
      EXPECT_GE(some.share(value), -1e-9);
      EXPECT_LE(some.share(value), 1 + 1e-9);
    }
  }
}

TEST(Curves, GoFromLeftToRightAndUpWithTheirValues) {
  const Image image = draw_curves({{"", {0, 1}, {0, 0}}, {"", {0, 1}, {1, 1}}});
  require_image(image);
  EXPECT_EQ(image.size(0), 540);
  EXPECT_EQ(image.size(1), 960);
  const Extent low = extent(ink(image, 0)), high = extent(ink(image, 1));
  EXPECT_LT(high.bottom, low.top - 300) << "larger values are higher";
  EXPECT_GT(low.right - low.left, 700) << "without names there is no legend";
  EXPECT_EQ(low.left, high.left);
}

TEST(Curves, LieWhereTheirValuesAre) {
  // The outer curves span the axes: half way between them lies what is worth half.
  const Image image = draw_curves({{"", {0, 10}, {0, 0}}, {"", {0, 10}, {10, 10}}, {"", {4, 6}, {5, 5}}});
  const Extent low = extent(ink(image, 0)), high = extent(ink(image, 1)), middle = extent(ink(image, 2));
  EXPECT_NEAR(centre(image, 2).y, (centre(image, 0).y + centre(image, 1).y) / 2, 1);
  const auto width = static_cast<double>(low.right - low.left);
  EXPECT_NEAR(static_cast<double>(middle.left), static_cast<double>(low.left) + 0.4 * width, 3);
  EXPECT_NEAR(static_cast<double>(middle.right), static_cast<double>(low.left) + 0.6 * width, 3);
  EXPECT_LT(high.top, low.top);
}

TEST(Curves, ThatAreNotFiniteHaveGaps) {
  const Curve whole{"", {0, 1, 2, 3, 4}, {1, 1, 1, 1, 1}}, broken{"", {0, 1, 2, 3, 4}, {1, 1, kNaN, 1, 1}},
      alone{"", {0, 1, 2, 3, 4}, {kInfinity, kNaN, 1, kNaN, kNaN}};
  const auto columns = [](const Curve& curve) { return ink(draw_curves({curve}), 0).any(0).sum().item<int64_t>(); };
  EXPECT_NEAR(static_cast<double>(columns(broken)), 0.5 * static_cast<double>(columns(whole)), 12);
  EXPECT_GT(columns(alone), 2) << "a point without neighbours is a dot";
  EXPECT_LT(columns(alone), 12);
}

TEST(Curves, HaveNamesBesideThem) {
  const Image with = draw_curves({{"training loss", {0, 1}, {0, 0}}}), without = draw_curves({{"", {0, 1}, {0, 0}}});
  const Image other = draw_curves({{"another loss", {0, 1}, {0, 0}}});
  EXPECT_FALSE(at::equal(with, without));
  EXPECT_FALSE(at::equal(with, other));
  const at::Tensor legend = with.slice(1, 960 * 3 / 4);
  EXPECT_TRUE(ink(legend, 0).any().item<bool>()) << "a sample of the curve";
}

TEST(Curves, BeyondTheColoursAreDashed) {
  std::vector<Curve> curves(11);
  curves[0] = {"", {0, 1}, {0, 0}};
  curves[10] = {"", {0, 1}, {1, 1}};
  const at::Tensor where = ink(draw_curves(curves), 0);  // the first and the eleventh share a colour
  const Extent both = extent(where);
  const auto inked = [&](int64_t row) { return where.slice(0, row, row + 2).any(0).sum().item<double>(); };
  EXPECT_NEAR(inked(both.top) / inked(both.bottom - 1), 0.65, 0.1);
}

TEST(Curves, TakeTitlesAndLabels) {
  const std::vector<Curve> curves = {{"loss", {1, 2, 3}, {0.7, 0.5, 0.4}}};
  const Image plain_chart = draw_curves(curves);
  for (const Chart& chart : {Chart{"Training", "", ""}, Chart{"", "epoch", ""}, Chart{"", "", "loss"}}) {
    EXPECT_FALSE(at::equal(draw_curves(curves, chart), plain_chart));
  }
  const std::string endless(500, 'm');
  const Image image = draw_curves({{endless, {1, 2}, {1, 2}}}, {endless, endless, endless, 240, 160});
  const Extent drawn = extent(ink(image, 0));
  EXPECT_GT(drawn.right - drawn.left, 60) << "the longest texts leave room for the curve";
}

TEST(Curves, MayBeEmpty) {
  for (const std::vector<Curve>& curves : {std::vector<Curve>{}, {{"nothing", {}, {}}}, {{"lost", {1}, {kNaN}}}}) {
    const Image image = draw_curves(curves);
    require_image(image);
    EXPECT_FALSE(at::equal(image, plain(540, 960, 255, 255, 255))) << "the axes are there";
  }
}

TEST(Curves, RefuseWhatDoesNotFit) {
  std::string message;
  EXPECT_EQ(fault_of([] { draw_curves({{"loss", {1, 2}, {1}}}); }, &message), Fault::run);
  EXPECT_EQ(message, "the curve \"loss\" of a chart has 1 values, not 2");
  EXPECT_EQ(fault_of([] { draw_curves({}, {"", "", "", 100, 100}); }, &message), Fault::run);
  EXPECT_EQ(message, "a chart needs at least 240 x 160 pixels, not 100 x 100");
}

// One below the other, over the same values, whatever their own.
TEST(Panels, ShareTheHorizontalAxis) {
  const Curve loss{"", {0, 4}, {1000, 2000}}, share{"", {1, 3}, {0.5, 0.5}}, rate{"", {0, 4}, {1e-3, 1e-5}};
  const Image image = draw_panels({{{loss}, "loss"},
                                   {{{}, share}, "metric", Panel::Scale::zero_to_one},
                                   {{{}, {}, rate}, "rate", Panel::Scale::logarithmic}},
                                  {}, {}, {"Run", "epoch", "", 960, 800});
  const Extent first = extent(ink(image, 0)), second = extent(ink(image, 1)), third = extent(ink(image, 2));
  EXPECT_LT(first.bottom, second.top);
  EXPECT_LT(second.bottom, third.top);
  EXPECT_NEAR(static_cast<double>(first.left), static_cast<double>(third.left), 2);
  EXPECT_NEAR(static_cast<double>(first.right), static_cast<double>(third.right), 2);
  const auto width = static_cast<double>(first.right - first.left);
  EXPECT_NEAR(static_cast<double>(second.left - first.left), 0.25 * width, 4);
  EXPECT_NEAR(static_cast<double>(first.right - second.right), 0.25 * width, 4);
  EXPECT_NEAR(static_cast<double>(first.bottom - first.top), static_cast<double>(third.bottom - third.top), 4)
      << "panels are of one height";
  const auto above = static_cast<double>(second.top - first.bottom),
             below = static_cast<double>(third.top - second.bottom);
  EXPECT_NEAR(above, below, 8) << "half is in the middle between 0 and 1";
}

// Where two charts differ; boolean [H,W].
at::Tensor changed(const Image& a, const Image& b) { return a.ne(b).any(2); }

TEST(Panels, HaveStagesAndMarks) {
  const std::vector<Panel> panels = {{{{"", {0, 10}, {0, 0}}}, "a"}, {{{"", {0, 10}, {1, 1}}}, "b"}};
  const Chart chart{"Run", "epoch", "", 960, 600};
  const Image one = draw_panels(panels, {{0, 10, "all"}}, {}, chart);
  const Image two = draw_panels(panels, {{0, 4, "all"}, {4, 10, ""}}, {}, chart);
  const Extent axis = extent(ink(one, 0));
  const auto column = [&](double x) {
    return axis.left + static_cast<int64_t>(std::lround(x / 10 * static_cast<double>(axis.right - axis.left)));
  };
  const at::Tensor border = changed(one, two).slice(0, one.size(0) / 4);  // below the names
  const Extent where = extent(border);
  EXPECT_NEAR(static_cast<double>(where.left), static_cast<double>(column(4)), 3);
  EXPECT_LE(where.right - where.left, 3);
  EXPECT_GT(border.any(1).sum().item<int64_t>(), 250) << "through both panels";

  const Image marked = draw_panels(panels, {{0, 10, "all"}}, {"chosen", {2, 7}}, chart);
  EXPECT_LT(extent(ink(marked, 0)).right, axis.right - 50) << "the legend explains them";
  const Image moved = draw_panels(panels, {{0, 10, "all"}}, {"chosen", {2, 8}}, chart);
  const Extent mark = extent(changed(marked, moved));
  EXPECT_GT(mark.bottom - mark.top, 300) << "through both panels";
  EXPECT_GT(mark.left, extent(ink(marked, 0)).left + 300) << "the first stays";
}

TEST(Panels, MayBeMissing) {
  require_image(draw_panels({}, {}, {}));
  require_image(draw_panels({{{}, "nothing"}}, {{0, 0, "none"}}, {"mark", {}}));
}

TEST(Bars, StandOnZeroAndAreAsLongAsTheirValues) {
  const Image image = draw_bars({"a", "b", "c"}, {{"one", {1, -0.5, 0.25}, {}, {}}});
  const at::Tensor plot = image.slice(1, 0, 860);  // without the legend
  const Extent a = extent(ink(plot, 0)), b = extent(ink(plot, 1)), c = extent(ink(plot, 2));
  const auto length = [](const Extent& e) { return static_cast<double>(e.bottom - e.top + 1); };
  EXPECT_NEAR(length(b) / length(a), 0.5, 0.03);
  EXPECT_NEAR(length(c) / length(a), 0.25, 0.03);
  EXPECT_NEAR(static_cast<double>(a.bottom), static_cast<double>(b.top), 3) << "one up, one down";
  EXPECT_LT(a.right, b.left);
  EXPECT_LT(b.right, c.left);
}

TEST(Bars, HaveWhiskersAndGaps) {
  const std::vector<std::string> series = {"a", "b"};
  const Image without = draw_bars(series, {{"one", {1, 1}, {}, {}}, {"two", {0.5, kNaN}, {}, {}}});
  const Image with = draw_bars(series, {{"one", {1, 1}, {0.9, kNaN}, {0.95, kNaN}}, {"two", {0.5, kNaN}, {}, {}}});
  EXPECT_FALSE(at::equal(with, without));
  const Extent a = extent(ink(without.slice(1, 0, 780), 0)), b = extent(ink(without.slice(1, 0, 780), 1));
  EXPECT_GT(a.right - b.right, 100) << "the second group has no bar of the second series";
}

// Two names that differ in their last word only.
TEST(Bars, HaveWholeNamesOnSeveralLines) {
  const std::string name = "a name that is much too long for one line of a group, one ";
  const auto bars = [&](const std::string& end) {
    return draw_bars({"a"}, {{name + end, {1}, {}, {}}, {"b", {1}, {}, {}}, {"c", {1}, {}, {}}});
  };
  EXPECT_FALSE(at::equal(bars("up"), bars("down")));
}

TEST(Bars, RefuseWhatDoesNotFit) {
  std::string message;
  EXPECT_EQ(fault_of([] { draw_bars({"a", "b"}, {{"one", {1}, {}, {}}}); }, &message), Fault::run);
  EXPECT_EQ(message, "the group \"one\" of a chart has 1 values, not 2");
  EXPECT_EQ(fault_of([] { draw_bars({"a"}, {{"one", {1}, {1, 2}, {1}}}); }), Fault::run);
  require_image(draw_bars({}, {}));
}

}  // namespace
}  // namespace attune::test
