#include "render/text.h"

#include <gtest/gtest.h>
#include <thread>

#include "pictures.h"

namespace attune::test {
namespace {

const TextStyle kStyle{20, {0, 0, 0}, false};
constexpr TextPlace kPlace{20, 50};

Image drawn(const std::string& text, const TextPlace& place = kPlace) {
  Image image = grey(80, 400, 255);
  draw_text(image, text, place, kStyle);
  return image;
}

at::Tensor dark(const Image& image, int darker_than = 160) { return image.select(2, 0).to(at::kInt) < darker_than; }

std::vector<std::string> letters_of(const std::string& text) {
  std::vector<std::string> letters;
  for (const char byte : text) {
    if ((static_cast<unsigned char>(byte) & 0xc0U) != 0x80U) letters.emplace_back();
    letters.back() += byte;
  }
  return letters;
}

TEST(Text, StandsOnItsBaseline) {
  const Extent at = extent(dark(drawn("H")));
  EXPECT_EQ(at.bottom, 49);
  EXPECT_NEAR(static_cast<double>(at.bottom - at.top + 1), 20, 1);
  EXPECT_NEAR(static_cast<double>(at.left), 22, 2);
  EXPECT_NEAR(static_cast<double>(at.right), 20 + text_width("H", kStyle) - 2, 2);
  EXPECT_GT(extent(dark(drawn("g"))).bottom, 52);
}

TEST(Text, IsAlignedAtItsPlace) {
  const double width = text_width("HHH", kStyle);
  const Image left = drawn("HHH", {100, 50});
  EXPECT_LE(largest_difference(drawn("HHH", {100 + width, 50, 400, Align::right}), left), 1);
  EXPECT_LE(largest_difference(drawn("HHH", {100 + width / 2, 50, 400, Align::centre}), left), 1);
}

TEST(Text, BlendsItsColourWithThePicture) {
  Image image = plain(80, 100, 0, 0, 255);
  draw_text(image, "HHH", kPlace, {20, {255, 255, 0}, true});
  EXPECT_GT((difference(image, plain(80, 100, 255, 255, 0)) < 6).sum().item<int64_t>(), 100);
  EXPECT_EQ(channel(image, 10, 10, 2), 255);
}

TEST(Text, IsCutOffAtTheEdges) {
  for (const TextPlace& place : {TextPlace{-10, 10}, {395, 50}, {20, 85}, {-500, 50}, {20, 500}, {1e6, -1e6}}) {
    require_image(drawn("HHH", place));
  }
  EXPECT_GT(dark(drawn("HHH", {-10, 50})).sum().item<int64_t>(), 20);
}

struct Script {
  const char* name;
  const char* letters;
};
void PrintTo(const Script& script, std::ostream* out) { *out << script.name; }

class TextIn : public testing::TestWithParam<Script> {};

TEST_P(TextIn, HasALetterForEach) {
  const std::string all = GetParam().letters;
  if (!has_letters(all)) GTEST_SKIP() << "needs a font with the letters of " << GetParam().name;
  std::vector<Image> seen;
  for (const std::string& letter : letters_of(all)) {
    const Image image = drawn(letter);
    EXPECT_GT(dark(image).sum().item<int64_t>(), 10) << letter;
    EXPECT_TRUE(has_letters(letter)) << letter;
    for (const Image& other : seen) EXPECT_GT(largest_difference(image, other), 100) << letter;
    seen.push_back(image);
  }
}

INSTANTIATE_TEST_SUITE_P(Script, TextIn,
                         testing::Values(Script{"Chinese", "金毛寻回犬猫写真鸟"},
                                         Script{"Arabic", "ابتجحدرسصطعفقكلمنهوي"},
                                         Script{"Devanagari", "अआइकखगघचजटडतदनपबमयरलवसह"},
                                         Script{"Greek", "αβγδεζηθλμξπρστφχψωΓΔΘΛΞΠΣΦΨΩ"},
                                         Script{"Cyrillic", "абвгджзийлптфцшщъыэюя"}),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(Text, LettersThatNoFontHasAreBoxesWithTheirNumber) {
  EXPECT_FALSE(has_letters("zebra \u2fe1"));
  EXPECT_TRUE(has_letters("zebra, château, Łódź – “Dvořák”…"));
  EXPECT_GT(dark(drawn("\u2fe1")).sum().item<int64_t>(), 40) << "a box, and its number in it";
  EXPECT_GT(largest_difference(drawn("\u2fe1"), drawn("\u2fe8")), 100);
}

// Letters of the right-to-left scripts, none of which changes beside the other: the first is on the right.
TEST(Text, GoesFromRightToLeft) {
  for (const auto& [first, second] : {std::pair("א", "ב"), {"د", "ر"}}) {
    if (!has_letters(std::string(first) + second)) GTEST_SKIP() << "needs a font with letters of Hebrew and Arabic";
    Image expected = drawn(second);
    draw_text(expected, first, {20 + text_width(second, kStyle), 50}, kStyle);
    EXPECT_LE(largest_difference(drawn(std::string(first) + second), expected), 60);
    EXPECT_GT(largest_difference(drawn(std::string(second) + first), expected), 200);
  }
}

TEST(Text, NamesInASentenceLeaveItsOrderAlone) {
  if (!has_letters("אבגד")) GTEST_SKIP() << "needs a font with the letters of Hebrew";
  Image expected = drawn("אב");
  double x = 20 + text_width("אב", kStyle);
  for (const char* part : {": answer ", "גד", " 93 %"}) {
    draw_text(expected, part, {x, 50}, kStyle);
    x += text_width(part, kStyle);
  }
  EXPECT_LE(largest_difference(drawn(isolated("אב") + ": answer " + isolated("גד") + " 93 %"), expected), 60);
}

TEST(Text, ArabicLettersAreJoined) {
  const std::string word = "بيت";
  if (!has_letters(word)) GTEST_SKIP() << "needs a font with the letters of Arabic";
  Image apart = drawn("ت");
  double x = 20 + text_width("ت", kStyle);
  for (const char* letter : {"ي", "ب"}) {
    draw_text(apart, letter, {x, 50}, kStyle);
    x += text_width(letter, kStyle);
  }
  EXPECT_LT(text_width(word, kStyle), 0.9 * (x - 20));
  const auto gaps = [](const Image& image) {  // columns without ink between the first and the last that have some
    const Extent all = extent(dark(image));
    return all.right - all.left + 1 - dark(image).any(0).sum().item<int64_t>();
  };
  EXPECT_EQ(gaps(drawn(word)), 0);
  EXPECT_GT(gaps(apart), 0);
}

TEST(Text, DevanagariIsPutInOrder) {
  if (!has_letters("किष्")) GTEST_SKIP() << "needs a font with the letters of Devanagari";
  // The vowel i is written behind its consonant and stands in front of it.
  const double width = text_width("कि", kStyle);
  const Image syllable = drawn("कि"), consonant = drawn("क", {20 + width, 50, 400, Align::right});
  EXPECT_FALSE(dark(consonant).logical_and(dark(syllable, 220).logical_not()).any().item<bool>());
  EXPECT_GT(extent(dark(consonant)).left, extent(dark(syllable)).left + 4);
  EXPECT_LT(text_width("क्ष", kStyle), 0.8 * (text_width("क", kStyle) + text_width("ष", kStyle))) << "one letter of two";
}

TEST(Text, AccentsStandOnTheirLetters) {
  EXPECT_TRUE(at::equal(drawn("château"), drawn("cha\u0302teau")));  // as some file systems write it
  EXPECT_NEAR(text_width("château", kStyle), text_width("chateau", kStyle), 0.01);
  EXPECT_LT(extent(dark(drawn("Â"))).top, extent(dark(drawn("A"))).top - 2);
}

// Its beginning, and dots at the foot of the letters: on the right, or on the left of what goes to the left.
TEST(Text, TooLongEndsInAnEllipsis) {
  for (const auto& [text, align] :
       {std::pair("mnopqrstmnopqrst", Align::left), {"אבגדהזחטמבדהזחטאבגד", Align::right}}) {
    if (!has_letters(text)) continue;
    const double width = 0.6 * text_width(text, kStyle);
    const auto place = [&, side = align](double room) {
      return TextPlace{side == Align::left ? 20.0 : 380.0, 50, room, side};
    };
    const at::Tensor all = dark(drawn(text, place(width)));
    EXPECT_LE(static_cast<double>(extent(all).right - extent(all).left), width);
    std::string beginning;
    int fitting = 0;  // beginnings of which there is nothing but dots beside them
    for (const std::string& letter : letters_of(text)) {
      beginning += letter;
      const Image part = drawn(beginning, place(400));
      const at::Tensor rest = all.logical_and(dark(part, 250).logical_not());
      const bool within = !dark(part).logical_and(all.logical_not()).any().item<bool>();
      if (within && rest.any().item<bool>() && extent(rest).top > 44) ++fitting;
    }
    EXPECT_EQ(fitting, 1) << text;
    EXPECT_TRUE(at::equal(drawn(text, {20, 50, text_width(text, kStyle)}), drawn(text))) << "it just fits";
  }
  EXPECT_FALSE(dark(drawn("mnop", {20, 50, 3})).any().item<bool>()) << "no room even for the ellipsis";
  EXPECT_FALSE(dark(drawn("mnop", {20, 50, -5})).any().item<bool>());
}

TEST(Text, ThatIsNotUtf8IsMadeValid) {
  EXPECT_TRUE(at::equal(drawn("a\xff"
                              "b"),
                        drawn("a\ufffd"
                              "b")));
  EXPECT_FALSE(has_letters("\xff\xfe"));
  EXPECT_FALSE(has_letters("caf\xe9"));
  EXPECT_TRUE(at::equal(drawn("a\nb\tc"), drawn("a b c")));
  EXPECT_EQ(drawn_text(std::string("a\0b", 3)),
            "a\ufffd"
            "b");
  EXPECT_EQ(drawn_text("\xef\xbf\xbf"), "\ufffd");
  std::string endless;
  for (int i = 0; i < 1000000; ++i) endless += "写";
  EXPECT_LT(drawn_text(endless).size(), 5000U);
  EXPECT_EQ(drawn_text(endless).find("\ufffd"), std::string::npos);
  EXPECT_GT(text_width(endless, kStyle), 1000);
}

TEST(Text, LooksTheSameInEveryThread) {
  const Image here = drawn("Grad-CAM");
  Image there;
  std::thread([&] { there = drawn("Grad-CAM"); }).join();
  EXPECT_TRUE(at::equal(here, there));
}

std::vector<std::string> wrapped(const std::string& text, double first, double width) {
  std::vector<std::string> lines = wrap(text, first, width, kStyle);
  for (std::string& line : lines) {
    for (size_t at = 0; (at = line.find("\u200b")) != std::string::npos;) line.erase(at, 3);
  }
  return lines;
}

TEST(Text, WrapsBehindWordsAndDots) {
  using Lines = std::vector<std::string>;
  const double width = text_width("features.block4.", kStyle) + 1;
  EXPECT_EQ(wrapped("features.block4.layer16.conv", width, width), (Lines{"features.block4.", "layer16.conv"}));
  EXPECT_EQ(wrapped("one two", width, width), Lines{"one two"});
  EXPECT_EQ(wrapped("", width, width), Lines{});
  EXPECT_EQ(wrapped("one two", text_width("one t", kStyle), width), (Lines{"one", "two"}));
  // Nothing whole fits beside what else the first line holds.
  EXPECT_EQ(wrapped("features.block4.", 10, width), (Lines{"", "features.block4."}));
  std::string whole;
  for (const std::string& line : wrapped(std::string(100, 'm'), width, width)) {
    EXPECT_LE(text_width(line, kStyle), width);
    whole += line;
  }
  EXPECT_EQ(whole, std::string(100, 'm'));
}

}  // namespace
}  // namespace attune::test
