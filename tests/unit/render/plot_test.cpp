#include "render/plot.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <set>

#include "pictures.h"
#include "render/figure.h"
#include "svg.h"

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
  const Image image = draw_curves({{"", {0, 1}, {0, 0}}, {"", {0, 1}, {1, 1}}}).picture();
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
  const Image image = draw_curves({{"", {0, 10}, {0, 0}}, {"", {0, 10}, {10, 10}}, {"", {4, 6}, {5, 5}}}).picture();
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
  const auto columns = [](const Curve& curve) {
    return ink(draw_curves({curve}).picture(), 0).any(0).sum().item<int64_t>();
  };
  EXPECT_NEAR(static_cast<double>(columns(broken)), 0.5 * static_cast<double>(columns(whole)), 12);
  EXPECT_GT(columns(alone), 2) << "a point without neighbours is a dot";
  EXPECT_LT(columns(alone), 12);
}

// Each beside a piece of its curve, in the document and in the picture.
TEST(Curves, HaveNamesBesideThem) {
  const std::vector<std::string> names = {"training loss", "validation loss"};
  const Drawing chart = draw_curves({{names[0], {0, 1}, {0, 0}}, {names[1], {0, 1}, {1, 1}}});
  const SvgTexts texts(chart);
  const Image image = chart.picture();
  for (size_t i = 0; i < 2; ++i) {
    const SvgText name = texts.only(names[i]);
    const auto begin = std::lround(name.x);
    const Extent piece = extent(ink(image.slice(1, begin - 45, begin), i));
    EXPECT_GT(piece.right - piece.left, 25);
    EXPECT_LT(name.x + name.width, 960);
    EXPECT_GT(static_cast<double>(piece.top), name.y - 16);
    EXPECT_LT(static_cast<double>(piece.bottom), name.y);
    EXPECT_NEAR(drawn_width(image, name), name.width, 4);
  }
  EXPECT_LT(texts.only(names[0]).y, texts.only(names[1]).y);
  EXPECT_GT(extent(ink(draw_curves({{"", {0, 1}, {0, 0}}}).picture(), 0)).right, 900) << "no names, no room for them";
}

TEST(Curves, BeyondTheColoursAreDashed) {
  std::vector<Curve> curves(11);
  curves[0] = {"", {0, 1}, {0, 0}};
  curves[10] = {"", {0, 1}, {1, 1}};
  const at::Tensor where = ink(draw_curves(curves).picture(), 0);  // the first and the eleventh share a colour
  const Extent both = extent(where);
  const auto inked = [&](int64_t row) { return where.slice(0, row, row + 2).any(0).sum().item<double>(); };
  EXPECT_NEAR(inked(both.top) / inked(both.bottom - 1), 0.5, 0.1);
}

TEST(Curves, HaveTitlesLabelsAndNumbersInTheirPlaces) {
  const Drawing chart = draw_curves({{"", {0, 10}, {0, 0}}, {"", {0, 10}, {10, 10}}, {"", {4, 6}, {4, 4}}},
                                    {"Training", "epoch", "loss", 960, 540});
  const SvgTexts texts(chart);
  const Image image = chart.picture();
  const Extent low = extent(ink(image, 0)), high = extent(ink(image, 1)), middle = extent(ink(image, 2));
  const SvgText title = texts.only("Training"), below = texts.only("epoch"), beside = texts.only("loss");
  EXPECT_LT(title.y, beside.y);
  EXPECT_LT(beside.y, static_cast<double>(high.top));
  EXPECT_GT(below.y, static_cast<double>(low.bottom) + 20) << "under the numbers";
  EXPECT_NEAR(below.x + below.width / 2, static_cast<double>(low.left + low.right) / 2, 3);
  for (const SvgText& text : {title, below, beside}) EXPECT_NEAR(drawn_width(image, text), text.width, 4) << text.text;

  const std::vector<SvgText> fours = texts.all("4");  // of the horizontal axis and of the vertical one
  ASSERT_EQ(fours.size(), 2U);
  for (const SvgText& four : fours) {
    if (four.y > static_cast<double>(low.bottom)) {
      EXPECT_NEAR(four.x + four.width / 2, static_cast<double>(middle.left), 3);
    } else {
      EXPECT_NEAR(four.y, static_cast<double>(middle.bottom) + 5, 3) << "as high as the curve";
      EXPECT_LT(four.x + four.width, static_cast<double>(low.left));
    }
  }
}

TEST(Curves, HaveRoomBesideTheLongestTexts) {
  const std::string endless(500, 'm');
  const Drawing chart = draw_curves({{endless, {1, 2}, {1, 2}}}, {endless, endless, endless, 240, 160});
  const Extent drawn = extent(ink(chart.picture(), 0));
  EXPECT_GT(drawn.right - drawn.left, 60);
  const std::vector<SvgText> texts = SvgTexts(chart).all(endless);
  EXPECT_EQ(texts.size(), 4U) << "they are whole in the document";
  for (const SvgText& text : texts) EXPECT_LE(text.x + text.width, 240);
}

TEST(Curves, MayBeEmpty) {
  for (const std::vector<Curve>& curves : {std::vector<Curve>{}, {{"nothing", {}, {}}}, {{"lost", {1}, {kNaN}}}}) {
    const Drawing chart = draw_curves(curves);
    const Image image = chart.picture();
    const at::Tensor axes = difference(image, plain(540, 960, 120, 120, 128)) < 3;
    EXPECT_GT(axes.sum(0).max().item<int64_t>(), 400) << "the axes are there";
    EXPECT_GT(axes.sum(1).max().item<int64_t>(), 600);
    EXPECT_EQ(SvgTexts(chart).all("0.4").size(), 2U) << "and their numbers";
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
                                  {}, {}, {"Run", "epoch", "", 960, 800})
                          .picture();
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
  const Image one = draw_panels(panels, {{0, 10, "all"}}, {}, chart).picture();
  const Image two = draw_panels(panels, {{0, 4, "all"}, {4, 10, ""}}, {}, chart).picture();
  const Extent axis = extent(ink(one, 0));
  const auto column = [&](double x) {
    return axis.left + static_cast<int64_t>(std::lround(x / 10 * static_cast<double>(axis.right - axis.left)));
  };
  const at::Tensor border = changed(one, two).slice(0, one.size(0) / 4);  // below the names
  const Extent where = extent(border);
  EXPECT_NEAR(static_cast<double>(where.left), static_cast<double>(column(4)), 3);
  EXPECT_LE(where.right - where.left, 3);
  EXPECT_GT(border.any(1).sum().item<int64_t>(), 250) << "through both panels";

  const Drawing with_marks = draw_panels(panels, {{0, 10, "all"}}, {"chosen", {2, 7}}, chart);
  const SvgTexts texts(with_marks);
  EXPECT_NEAR(texts.only("all").x + texts.only("all").width / 2, static_cast<double>(axis.left + axis.right) / 2, 60);
  EXPECT_EQ(texts.all("a").size() + texts.all("b").size(), 2U);
  EXPECT_GT(texts.only("chosen").x, static_cast<double>(axis.right) - 150);
  const Image marked = with_marks.picture();
  EXPECT_LT(extent(ink(marked, 0)).right, axis.right - 50) << "the legend explains them";
  const Image moved = draw_panels(panels, {{0, 10, "all"}}, {"chosen", {2, 8}}, chart).picture();
  const Extent mark = extent(changed(marked, moved));
  EXPECT_GT(mark.bottom - mark.top, 300) << "through both panels";
  EXPECT_GT(mark.left, extent(ink(marked, 0)).left + 300) << "the first stays";
}

TEST(Panels, MayBeMissing) {
  require_image(draw_panels({}, {}, {}).picture());
  require_image(draw_panels({{{}, "nothing"}}, {{0, 0, "none"}}, {"mark", {}}).picture());
}

TEST(Bars, StandOnZeroAndAreAsLongAsTheirValues) {
  const Image image = draw_bars({"a", "b", "c"}, {{"one", {1, -0.5, 0.25}, {}, {}}}).picture();
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
  const BarGroup two{"two", {0.5, kNaN}, {}, {}};
  const Image without = draw_bars(series, {{"one", {1, 1}, {}, {}}, two}).picture().slice(1, 0, 780);
  const Image with = draw_bars(series, {{"one", {1, 1}, {0.25, kNaN}, {0.75, kNaN}}, two}).picture().slice(1, 0, 780);
  const Extent a = extent(ink(without, 0).slice(1, 0, 300)), whisker = extent(changed(with, without));
  const auto height = static_cast<double>(a.bottom - a.top);
  EXPECT_NEAR(static_cast<double>(a.bottom - whisker.bottom), 0.25 * height, 3);
  EXPECT_NEAR(static_cast<double>(a.bottom - whisker.top), 0.75 * height, 3);
  EXPECT_NEAR(static_cast<double>(whisker.left + whisker.right), static_cast<double>(a.left + a.right), 4)
      << "in the middle of the first bar, and on no other";
  EXPECT_GT(extent(ink(without, 0)).right - extent(ink(without, 1)).right, 100)
      << "the second group has no bar of the second series";
}

TEST(Bars, HaveSeriesAndGroupsWithNames) {
  const Drawing chart = draw_bars({"left", "right"}, {{"one", {1, 0.5}, {}, {}}, {"two", {0.5, 1}, {}, {}}},
                                  {"Bars", "", "share", 960, 540});
  const SvgTexts texts(chart);
  const Image image = chart.picture();
  for (const char* name : {"left", "right", "one", "two", "Bars", "share"}) {
    EXPECT_NEAR(drawn_width(image, texts.only(name)), texts.only(name).width, 4) << name;
  }
  const Extent bars = extent(ink(image.slice(1, 0, 740), 0));
  EXPECT_GT(texts.only("one").y, static_cast<double>(bars.bottom));
  EXPECT_LT(texts.only("one").x, texts.only("two").x);
  EXPECT_GT(texts.only("left").x, static_cast<double>(bars.right));
  EXPECT_TRUE(SvgTexts(draw_bars({"alone"}, {{"one", {1}, {}, {}}})).all("alone").empty()) << "one needs no legend";
}

TEST(Bars, HaveWholeNamesOnSeveralLines) {
  const std::string name = "a name that is much too long for one line of a group, one down";
  const SvgTexts texts(draw_bars({"a"}, {{name, {1}, {}, {}}, {"b", {1}, {}, {}}, {"c", {1}, {}, {}}}));
  const SvgText first = texts.beginning("a name"), last = texts.ending("one down");
  EXPECT_GT(last.y, first.y + 10);
  EXPECT_NEAR(first.x + first.width / 2, last.x + last.width / 2, 1) << "under their bar";
  std::string whole;
  for (const SvgText& line : texts.all()) {
    if (line.y >= first.y && std::abs(line.x + line.width / 2 - first.x - first.width / 2) < 1)
      whole += line.text + ' ';
  }
  EXPECT_EQ(whole, name + ' ');
}

TEST(Bars, HaveNamesInAnyScript) {
  const std::vector<std::string> series = {"雨伞的照片", "صورة القلب"}, names = {"चाबी", "φύλλο"};
  const Drawing chart = draw_bars(series, {{names[0], {1, 0.5}, {}, {}}, {names[1], {0.5, 1}, {}, {}}});
  const SvgTexts texts(chart);
  const Image image = chart.picture();
  for (const auto& some : {series, names}) {
    for (const std::string& name : some) EXPECT_NEAR(drawn_width(image, texts.only(name)), texts.only(name).width, 6);
  }
}

TEST(Bars, RefuseWhatDoesNotFit) {
  std::string message;
  EXPECT_EQ(fault_of([] { draw_bars({"a", "b"}, {{"one", {1}, {}, {}}}); }, &message), Fault::run);
  EXPECT_EQ(message, "the group \"one\" of a chart has 1 values, not 2");
  EXPECT_EQ(fault_of([] { draw_bars({"a"}, {{"one", {1}, {1, 2}, {1}}}); }), Fault::run);
  require_image(draw_bars({}, {}).picture());
}

}  // namespace
}  // namespace attune::test
