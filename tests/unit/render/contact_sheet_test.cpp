#include "render/contact_sheet.h"

#include <cmath>
#include <gtest/gtest.h>

#include "pictures.h"
#include "render/text.h"

namespace attune::test {
namespace {

struct Box {
  int64_t left, top, right, bottom;
  int64_t width() const { return right - left; }
  int64_t height() const { return bottom - top; }
  double middle_x() const { return static_cast<double>(left + right) / 2; }
  double middle_y() const { return static_cast<double>(top + bottom) / 2; }
};

// Where the pixels of a colour lie; all zero when there are none.
Box box_of(const Image& page, int red, int green, int blue) {
  const Image wanted = plain(page.size(0), page.size(1), red, green, blue);
  const at::Tensor found = (difference(page, wanted) <= 12).nonzero();
  if (found.size(0) == 0) return {0, 0, 0, 0};
  const at::Tensor low = std::get<0>(found.min(0)), high = std::get<0>(found.max(0));
  return {low[1].item<int64_t>(), low[0].item<int64_t>(), high[1].item<int64_t>() + 1, high[0].item<int64_t>() + 1};
}

const Image kRed = plain(100, 100, 255, 0, 0), kGreen = plain(100, 200, 0, 255, 0), kBlue = plain(300, 100, 0, 0, 255);

TEST(ContactSheet, WithoutRowsHasNoPages) { EXPECT_TRUE(contact_sheets({"input"}, {}).empty()); }

TEST(ContactSheet, PutsCellsInAGrid) {
  const auto pages = contact_sheets({"a", "b"}, {{"first", {kRed, kGreen}}, {"second", {kBlue, grey(50, 50, 1)}}});
  ASSERT_EQ(pages.size(), 1u);
  require_image(pages[0]);
  const Box red = box_of(pages[0], 255, 0, 0), green = box_of(pages[0], 0, 255, 0), blue = box_of(pages[0], 0, 0, 255);
  EXPECT_LT(red.right, green.left);
  EXPECT_LT(red.bottom, blue.top);
  EXPECT_NEAR(red.middle_y(), green.middle_y(), 1);
  EXPECT_NEAR(red.middle_x(), blue.middle_x(), 1);
}

TEST(ContactSheet, FitsPicturesIntoCellsAndKeepsTheirShape) {
  const auto pages =
      contact_sheets({"a", "b", "c"}, {{"row", {kRed, kGreen, kBlue}}}, {.cell = 120, .rows_per_page = 4});
  ASSERT_EQ(pages.size(), 1u);
  const Box green = box_of(pages[0], 0, 255, 0), blue = box_of(pages[0], 0, 0, 255);
  EXPECT_NEAR(green.width(), 120, 2);
  EXPECT_NEAR(green.height(), 60, 2);
  EXPECT_NEAR(blue.height(), 120, 2);
  EXPECT_NEAR(blue.width(), 40, 2);
}

TEST(ContactSheet, RowsOfLandscapesDoNotGape) {
  const SheetOptions options{.cell = 200, .rows_per_page = 4};
  const auto flat = contact_sheets({"a"}, {{"row", {kGreen}}, {"row", {kRed}}}, options);
  const auto square = contact_sheets({"a"}, {{"row", {kRed}}, {"row", {kRed}}}, options);
  EXPECT_EQ(square[0].size(0) - flat[0].size(0), 100);
}

TEST(ContactSheet, HasALightBackgroundWithMargins) {
  const auto pages = contact_sheets({"a", "b"}, {{"row", {kRed, kRed}}});
  ASSERT_EQ(pages.size(), 1u);
  const Image& page = pages[0];
  EXPECT_GT(channel(page, 0, 0, 0), 225);
  const Box red = box_of(page, 255, 0, 0);
  EXPECT_GT(red.left, 3);
  EXPECT_LT(red.right, page.size(1) - 3);
  EXPECT_LT(red.bottom, page.size(0) - 3);
}

TEST(ContactSheet, LeavesMissingCellsEmpty) {
  const auto pages = contact_sheets({"a", "b", "c"}, {{"r", {kRed}}, {"s", {Image(), kGreen}}, {"t", {}}});
  ASSERT_EQ(pages.size(), 1u);
  const Box red = box_of(pages[0], 255, 0, 0), green = box_of(pages[0], 0, 255, 0);
  EXPECT_LT(red.right, green.left);
  EXPECT_LT(red.bottom, green.top);
  EXPECT_GT(pages[0].size(1) - green.right, red.width());
}

// Headings over their columns, the row's title below the first one.
TEST(ContactSheet, WritesHeadingsAndTitles) {
  const auto pages =
      contact_sheets({"input", "Grad-CAM"}, {{"beagle.jpg", {kRed, kRed}}}, {.cell = 198, .rows_per_page = 4});
  ASSERT_EQ(pages.size(), 1u);
  const Box red = box_of(pages[0], 255, 0, 0);  // both pictures
  const at::Tensor ink = pages[0].slice(0, 0, red.top).to(at::kInt).amax(2) < 160;
  const auto expect_text = [](const at::Tensor& where, double width) {
    const Extent found = extent(where);
    EXPECT_LE(found.left, 3);
    EXPECT_NEAR(static_cast<double>(found.right), width, 3);
  };
  const double line = 198 / 11;
  const int64_t below = red.top - 18;
  expect_text(ink.slice(1, red.left, red.left + 198).slice(0, 0, below), text_width("input", {line / 2, {}, true}));
  expect_text(ink.slice(1, red.right - 198), text_width("Grad-CAM", {line / 2, {}, true}));
  expect_text(ink.slice(1, red.left, red.left + 198).slice(0, below), text_width("beagle.jpg", {line / 2}));
}

TEST(ContactSheet, TurnsThePage) {
  const std::vector<SheetRow> rows(7, {"row", {kRed}});
  const auto pages = contact_sheets({"a"}, rows, {.cell = 64, .rows_per_page = 3});
  ASSERT_EQ(pages.size(), 3u);
  EXPECT_EQ(pages[0].sizes(), pages[1].sizes());
  EXPECT_EQ(pages[0].size(1), pages[2].size(1));
  EXPECT_LT(pages[2].size(0), pages[0].size(0));
  EXPECT_EQ(contact_sheets({"a"}, std::vector<SheetRow>(3, rows[0]), {.cell = 64, .rows_per_page = 3}).size(), 1u);
}

TEST(ContactSheet, ManyColumnsGetSmallerCells) {
  const SheetRow row{"row", std::vector<SheetCell>(60, kRed)};
  const auto pages = contact_sheets(std::vector<std::string>(60, "a long heading for a narrow column"), {row});
  ASSERT_EQ(pages.size(), 1u);
  EXPECT_LT(pages[0].size(1), 60 * 224);
  EXPECT_GT(box_of(pages[0], 255, 0, 0).width(), 0);
}

TEST(ContactSheet, WritesLinesUnderPictures) {
  const auto page = [](const std::vector<SheetLine>& lines) {
    return contact_sheets({"a"}, {{"row", {SheetCell(kRed, lines)}}}, {.cell = 200, .rows_per_page = 4})[0];
  };
  const Image without = page({}), with = page({{"zebra", "98.3 %"}});
  const Box red = box_of(without, 255, 0, 0);
  EXPECT_EQ(box_of(with, 255, 0, 0).bottom, red.bottom);
  EXPECT_GT(with.size(0), without.size(0));
  const auto ink = [&](const Image& image) {
    return (image.slice(0, red.bottom).to(at::kInt) < 200).sum().item<int64_t>();
  };
  EXPECT_EQ(ink(without), 0);
  EXPECT_GT(ink(with), 0);
  // However long the text is, the number stays.
  const std::string longer(80, 'm');
  EXPECT_FALSE(at::equal(page({{longer, "98.3 %"}}), page({{longer, "12.7 %"}})));
}

TEST(ContactSheet, BoldLinesAndTitlesOfBlocksHaveMoreInk) {
  const auto ink = [](const SheetRow& row) {
    const Image page = contact_sheets({""}, {row}, {.cell = 200, .rows_per_page = 4})[0];
    return (page.to(at::kInt).amax(2) < 90).sum().item<int64_t>();
  };
  const SheetCell quiet(kRed, {{"gradcam"}}), bold(kRed, {{"gradcam", "", true}});
  EXPECT_GT(ink({"", {bold}}), 2 * ink({"", {quiet}}));
  EXPECT_GT(ink({"beagle", {kRed}, true}), 2 * ink({"beagle", {kRed}, false}));
}

// Its rows end in the names; a pair's colour is between blue and red, and what is no number is left out.
TEST(PairPicture, IsATriangleOfColouredNumbers) {
  const double none = std::nan("");
  const at::Tensor values = at::tensor({1.0, 0.9, -0.9, 0.9, 1.0, none, -0.9, none, 1.0}).view({3, 3});
  const auto coloured = [](const Image& image) {
    const at::Tensor high = image.to(at::kInt);
    return std::pair(((high.select(2, 0) - high.select(2, 2)) > 60), ((high.select(2, 2) - high.select(2, 0)) > 60));
  };
  const Image picture = pair_picture({"Agreement", "of two", {"a", "b", "c"}, values});
  require_image(picture);
  const auto [red, blue] = coloured(picture);
  const Extent alike = extent(red), opposite = extent(blue);
  EXPECT_LT(alike.bottom, opposite.top) << "the second row is above the third";
  EXPECT_NEAR(alike.left, opposite.left, 1) << "both are in the first column";
  EXPECT_LT(opposite.right - opposite.left, 45) << "the third row has one number";
  EXPECT_GT((picture.slice(0, alike.top, alike.bottom).slice(1, alike.right + 3).to(at::kInt).amax(2) < 160)
                .sum()
                .item<int64_t>(),
            5)
      << "the name of the second row stands behind its numbers";
  const Image longer = pair_picture({"Agreement", "", {"a", "b", "a much longer name"}, values});
  EXPECT_GT(longer.size(1), picture.size(1));
}

TEST(ContactSheet, APictureGoesBelowAnother) {
  const Image joined = below(kRed, kGreen);
  EXPECT_EQ(joined.sizes(), (at::IntArrayRef{200, 200, 3}));
  EXPECT_EQ(box_of(joined, 255, 0, 0).bottom, 100);
  EXPECT_EQ(box_of(joined, 0, 255, 0).top, 100);
}

TEST(ContactSheet, AGridHasNeitherHeadingsNorTitles) {
  const std::vector<SheetCell> cells(7, SheetCell(kRed, {{"beagle", ""}}));
  const SheetOptions options{.cell = 100, .rows_per_page = 2};
  const auto pages = contact_grid(cells, options);
  ASSERT_EQ(pages.size(), 2U);  // rows of three
  const Box red = box_of(pages[0], 255, 0, 0);
  EXPECT_LT(red.top, 10);
  EXPECT_GT(red.width(), 300);
  EXPECT_LT(box_of(pages[1], 255, 0, 0).width(), 110);
  EXPECT_EQ(contact_grid({}, options).size(), 0U);
  const auto many = contact_grid(std::vector<SheetCell>(50, SheetCell(kRed)), options);
  EXPECT_EQ(many.size(), 5U);  // six in a row at most
}

TEST(ContactSheet, RefusesMoreCellsThanHeadings) {
  EXPECT_EQ(fault_of([] { contact_sheets({"a"}, {{"row", {kRed, kGreen}}}); }), Fault::run);
}

}  // namespace
}  // namespace attune::test
