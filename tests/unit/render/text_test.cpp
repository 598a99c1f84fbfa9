#include "render/text.h"

#include <gtest/gtest.h>

#include "pictures.h"

namespace attune::test {
namespace {

const TextStyle kStyle{12, {0, 0, 0}, false};

Image drawn(const std::string& text) {
  Image image = grey(30, 240, 255);
  draw_text(image, text, 4, 22, kStyle);
  return image;
}

TEST(Text, DropsAccentsThatTheFontLacks) {
  EXPECT_TRUE(at::equal(drawn("château"), drawn("chateau")));
  EXPECT_TRUE(at::equal(drawn("cha\u0302teau"), drawn("chateau")));  // as some file systems write it
  EXPECT_TRUE(at::equal(drawn("Łódź, Dvořák"), drawn("Lodz, Dvorak")));
  EXPECT_TRUE(at::equal(drawn("“a” – b…"), drawn("\"a\" - b...")));
  EXPECT_TRUE(has_letters("château, Łódź – Dvořák"));
}

// A question mark would pass for one that is meant.
TEST(Text, LettersThatAreMissingAreBoxes) {
  EXPECT_FALSE(has_letters("zebra 縞馬"));
  EXPECT_FALSE(has_letters("собака"));
  EXPECT_FALSE(has_letters("\xff\xfe"));
  EXPECT_FALSE(at::equal(drawn("猫"), drawn("?")));
  EXPECT_TRUE(at::equal(drawn("猫"), drawn("犬")));
  EXPECT_TRUE(at::equal(drawn("a\xff"), drawn("a猫")));
  const Image box = drawn("猫");
  const at::Tensor ink = (box.select(2, 0).to(at::kInt) < 128).nonzero();
  EXPECT_GT(ink.size(0), 20);
  const at::Tensor low = std::get<0>(ink.min(0)), high = std::get<0>(ink.max(0));
  const int64_t middle_row = (low[0] + high[0]).item<int64_t>() / 2, middle = (low[1] + high[1]).item<int64_t>() / 2;
  EXPECT_EQ(channel(box, middle_row, middle, 0), 255) << "it is empty";
  EXPECT_GT(text_width("猫猫", kStyle), 1.5 * text_width("猫", kStyle));
  EXPECT_LT(drawn("x猫y").slice(1, 4).min().item<int>(), 128);
}

TEST(Text, ElidesLettersNotBytes) {
  const std::string name = "写真写真写真写真写真写真";
  const std::string shorter = elide(name, 80, kStyle);
  EXPECT_LE(text_width(shorter, kStyle), 80);
  EXPECT_EQ(shorter.substr(shorter.size() - 3), "...");
  EXPECT_FALSE(has_letters(shorter));
  EXPECT_TRUE(at::equal(drawn(shorter), drawn("写" + shorter.substr(3))));
}

TEST(Text, WrapsBehindWordsAndDots) {
  const double width = text_width("features.block4.", kStyle);
  EXPECT_EQ(wrap("features.block4.layer16.conv", width, width, kStyle),
            (std::vector<std::string>{"features.block4.", "layer16.conv"}));
  EXPECT_EQ(wrap("one two", width, width, kStyle), std::vector<std::string>{"one two"});
  EXPECT_EQ(wrap("", width, width, kStyle), std::vector<std::string>{});
  // Nothing whole fits beside what else the first line holds.
  EXPECT_EQ(wrap("features.block4.", 10, width, kStyle), (std::vector<std::string>{"", "features.block4."}));
  std::string whole;
  for (const std::string& line : wrap(std::string(100, 'm'), width, width, kStyle)) {
    EXPECT_LE(text_width(line, kStyle), width);
    whole += line;
  }
  EXPECT_EQ(whole, std::string(100, 'm'));
}

}  // namespace
}  // namespace attune::test
