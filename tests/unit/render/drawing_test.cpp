#include "render/drawing.h"

#include <filesystem>
#include <gtest/gtest.h>

#include "folder.h"
#include "pictures.h"
#include "svg.h"

namespace attune::test {
namespace {

constexpr Colour kPure = {255, 0, 0};

at::Tensor red(const Image& image) { return difference(image, plain(image.size(0), image.size(1), 255, 0, 0)) < 9; }

// One of everything.
Drawing some() {
  Drawing drawing(60, 200);
  drawing.area({10, 20}, {30, 40}, kPure);
  drawing.line({40, 5}, {90, 5}, {{0, 0, 255}, 2, true});
  drawing.dot({50, 30}, 6, {0, 128, 0});
  drawing.text("a < b & \"c\"", {60, 50}, {10, {0, 0, 0}, false});
  return drawing;
}

TEST(Drawing, HasEverythingInItsPlace) {
  const Image image = some().picture();
  EXPECT_EQ(image.sizes(), (at::IntArrayRef{60, 200, 3}));
  const Extent area = extent(red(image));
  EXPECT_EQ(area.top, 20);
  EXPECT_EQ(area.bottom, 39);
  EXPECT_EQ(area.left, 10);
  EXPECT_EQ(area.right, 29);
  const Extent dot = extent(difference(image, plain(60, 200, 0, 128, 0)) < 9);
  EXPECT_NEAR(static_cast<double>(dot.left + dot.right) / 2, 49.5, 0.6);
  EXPECT_NEAR(static_cast<double>(dot.bottom - dot.top + 1), 12, 2);
}

TEST(Drawing, RulesAreWholePixels) {
  Drawing drawing(20, 20);
  drawing.rule({3.7, 8.2}, {12.1, 8.2}, kPure);
  const Extent rule = extent(red(drawing.picture()));
  EXPECT_EQ(rule.top, 8);
  EXPECT_EQ(rule.bottom, 8);
  EXPECT_EQ(rule.left, 3);
  EXPECT_EQ(rule.right, 12);
}

// A line of many short pieces has the dashes of the whole one.
TEST(Drawing, DashesGoOnFromPieceToPiece) {
  const Stroke dashed{kPure, 2, true};
  Drawing whole(10, 120), pieces(10, 120);
  whole.line({5, 5}, {115, 5}, dashed);
  for (int i = 0; i < 55; ++i) pieces.line({5.0 + 2 * i, 5}, {7.0 + 2 * i, 5}, dashed);
  EXPECT_LE(largest_difference(whole.picture(), pieces.picture()), 2);
  EXPECT_NEAR(red(whole.picture()).any(0).sum().item<double>(), 55, 6);
}

TEST(Drawing, IsTheSameEveryTime) {
  const Drawing first = some();
  const std::string document = first.svg();
  EXPECT_EQ(some().svg(), document);
  EXPECT_EQ(first.svg(), document);
  EXPECT_TRUE(at::equal(some().picture(), first.picture()));
}

TEST(Drawing, IsADocumentWithItsTexts) {
  const SvgTexts texts(some());
  ASSERT_EQ(texts.all().size(), 1U);
  EXPECT_EQ(texts.all()[0].text, "a < b & \"c\"");
  EXPECT_DOUBLE_EQ(texts.all()[0].x, 60);
  EXPECT_DOUBLE_EQ(texts.all()[0].y, 50);
  EXPECT_NE(some().svg().find("viewBox=\"0 0 200 60\""), std::string::npos);
  Drawing broken(60, 200);
  broken.text(std::string("\xff\x01<\xef\xbf\xbf\0]]>", 10), {10, 50}, {});
  EXPECT_EQ(SvgTexts(broken).all()[0].text, "\ufffd <\ufffd\ufffd]]>");
  EXPECT_EQ(broken.svg().find("]]>"), std::string::npos);
}

TEST(Drawing, PicturesAndDocumentsLieBesideEachOther) {
  const TemporaryFolder folder;
  some().write(folder / "chart.png");
  EXPECT_EQ(folder.entries(), 2U);
  EXPECT_TRUE(at::equal(read_image(folder / "chart.png"), some().picture()));
  EXPECT_EQ(read_bytes(folder / "chart.svg"), some().svg());
}

TEST(Drawing, WithoutItsDocumentIsNotWritten) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "chart.svg");
  std::string message;
  EXPECT_EQ(fault_of([&] { some().write(folder / "chart.png"); }, &message), Fault::output);
  EXPECT_EQ(message, (folder / "chart.svg").string() + ": cannot be written: it exists and is not a regular file");
  EXPECT_EQ(folder.entries(), 1U);
}

TEST(Drawing, RefusesToBeTooLarge) {
  std::string message;
  EXPECT_EQ(fault_of([] { Drawing(10, 40000).picture(); }, &message), Fault::run);
  EXPECT_EQ(message.rfind("a drawing of 40000 x 10 pixels cannot be painted: ", 0), 0U) << message;
}

}  // namespace
}  // namespace attune::test
