// JSON as a tree with places.
#include <gtest/gtest.h>

#include "json/document.h"
#include "json/quoting.h"

namespace attune::test {
namespace {

using Kind = JsonNode::Kind;

std::string at(const JsonPlace& place) { return std::to_string(place.line) + ":" + std::to_string(place.column); }

JsonDocument document_of(const std::string& text) {
  JsonDocument document = parse_json(text);
  EXPECT_TRUE(document.complete) << text;
  return document;
}

// "line:column message" of the only fault.
std::string refusal(const std::string& text) {
  const JsonDocument document = parse_json(text);
  EXPECT_FALSE(document.complete) << text;
  EXPECT_TRUE(document.root.members.empty() && document.root.items.empty());
  if (document.faults.size() != 1) return std::to_string(document.faults.size()) + " faults";
  return at(document.faults[0].place) + " " + document.faults[0].message;
}

TEST(JsonDocument, KnowsWhereEverythingStands) {
  const JsonDocument document =
      document_of("{ \"a\" :\t[1,\n  -2.5e1 ,true\r\n,{\"b\":null}],\"c\":\"x\\\"y\"\n, \"d\":{}}");
  const JsonNode& root = document.root;
  EXPECT_EQ(at(root.place), "1:1");
  ASSERT_EQ(root.members.size(), 3u);
  EXPECT_EQ(at(root.members[0].place), "1:3");
  const JsonNode& list = root.members[0].value;
  EXPECT_EQ(at(list.place), "1:9");
  ASSERT_EQ(list.items.size(), 4u);
  EXPECT_EQ(at(list.items[0].place), "1:10");
  EXPECT_EQ(at(list.items[1].place), "2:3");
  EXPECT_EQ(at(list.items[2].place), "2:11");
  EXPECT_EQ(at(list.items[3].place), "3:2");
  EXPECT_EQ(at(list.items[3].members[0].place), "3:3");
  EXPECT_EQ(at(list.items[3].members[0].value.place), "3:7");
  EXPECT_EQ(at(root.members[1].place), "3:14");
  EXPECT_EQ(at(root.members[1].value.place), "3:18");
  EXPECT_EQ(at(root.members[2].value.place), "4:7");
}

TEST(JsonDocument, CountsColumnsInBytesAndNoByteOrderMark) {
  EXPECT_EQ(at(document_of("[\"\xc3\xa9\", 1]").root.items[1].place), "1:8");
  EXPECT_EQ(at(document_of("\xef\xbb\xbf[1]").root.items[0].place), "1:2");
  EXPECT_EQ(refusal("\xef\xbb\xbf[1 2]"), "1:4 expected ',' or ']', not '2'");
}

TEST(JsonDocument, HoldsValues) {
  const JsonDocument document = document_of(R"([null, true, false, 7, -7, 0.5, 1e2, "text", [], {}])");
  const auto& items = document.root.items;
  ASSERT_EQ(items.size(), 10u);
  const std::vector<Kind> kinds = {Kind::null, Kind::boolean, Kind::boolean, Kind::integer, Kind::integer,
                                   Kind::real, Kind::real,    Kind::string,  Kind::array,   Kind::object};
  for (size_t i = 0; i < kinds.size(); ++i) EXPECT_EQ(items[i].kind, kinds[i]) << i;
  EXPECT_TRUE(items[1].boolean);
  EXPECT_FALSE(items[2].boolean);
  EXPECT_EQ(items[4].integer, -7);
  EXPECT_EQ(items[4].real, -7);
  EXPECT_EQ(items[5].real, 0.5);
  EXPECT_EQ(items[6].real, 100);
  EXPECT_EQ(items[6].text, "1e2");
  EXPECT_EQ(items[7].text, "text");
}

TEST(JsonDocument, HoldsIntegersOf64Bits) {
  const JsonDocument document =
      document_of("[9223372036854775807, -9223372036854775808, 9223372036854775808, -9223372036854775809]");
  const auto& items = document.root.items;
  EXPECT_EQ(items[0].integer, INT64_MAX);
  EXPECT_EQ(items[1].integer, INT64_MIN);
  EXPECT_EQ(items[2].kind, Kind::real);
  EXPECT_EQ(items[2].real, 9223372036854775808.0);
  EXPECT_EQ(items[2].text, "9223372036854775808");
  EXPECT_EQ(items[3].kind, Kind::real);
}

TEST(JsonDocument, ReadsEscapes) {
  const JsonDocument document = document_of(R"(["\"\\\/\b\f\n\r\t", "\u00e9\u20AC\ud83D\ude00", "\u0000"])");
  const auto& items = document.root.items;
  EXPECT_EQ(items[0].text, "\"\\/\b\f\n\r\t");
  EXPECT_EQ(items[1].text, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
  EXPECT_EQ(items[2].text, std::string(1, '\0'));
}

TEST(JsonDocument, KeepsTheOrderOfMembersAndFindsThem) {
  const JsonDocument document = document_of(R"({"z": 1, "a": 2, "m\u0069d": 3})");
  ASSERT_EQ(document.root.members.size(), 3u);
  EXPECT_EQ(document.root.members[0].key, "z");
  EXPECT_EQ(document.root.members[1].key, "a");
  ASSERT_NE(document.root.find("mid"), nullptr);
  EXPECT_EQ(document.root.find("mid")->integer, 3);
  EXPECT_EQ(document.root.find("none"), nullptr);
}

TEST(JsonDocument, NamesKeysThatStandTwice) {
  const JsonDocument document = document_of(R"({"a/b": [{}, {"k": 1, "~": 2, "~": 3, "k": 4}], "a/b": 5})");
  ASSERT_EQ(document.faults.size(), 3u);
  EXPECT_EQ(document.faults[0].pointer, "/a~1b/1/~0");
  EXPECT_EQ(document.faults[0].message, "the key \"~\" stands twice in its object");
  EXPECT_EQ(at(document.faults[0].place), "1:31");
  EXPECT_EQ(document.faults[1].pointer, "/a~1b/1/k");
  EXPECT_EQ(document.faults[2].pointer, "/a~1b");
  EXPECT_EQ(at(document.faults[2].place), "1:49");
  EXPECT_EQ(document_of(R"({"a": {"a": 1}, "b": {"a": 1}})").faults.size(), 0u);
}

TEST(JsonDocument, TellsAHundredKeysThatStandTwice) {
  std::string text = "{\"a\": 0";
  for (int i = 0; i < 1000; ++i) text += ", \"a\": 0";
  EXPECT_EQ(document_of(text + "}").faults.size(), 100u);
  EXPECT_EQ(parse_json(text).faults.size(), 101u);
}

TEST(JsonDocument, IsAtMost64Deep) {
  EXPECT_TRUE(parse_json(std::string(64, '[') + std::string(64, ']')).complete);
  EXPECT_EQ(refusal(std::string(65, '[') + std::string(65, ']')),
            "1:65 objects and lists are nested deeper than 64 levels");
}

TEST(JsonDocument, ExplainsWhatIsNoJson) {
  EXPECT_EQ(refusal("{\"a\": 1,\n \"b\"}"), "2:5 expected ':' after the key, not '}'");
  EXPECT_EQ(refusal("[,1]"), "1:2 expected a value or ']', not ','");
  EXPECT_EQ(refusal("{,}"), "1:2 expected a key in double quotes or '}', not ','");
  EXPECT_EQ(refusal("{1: 2}"), "1:2 expected a key in double quotes or '}', not '1'");
  EXPECT_EQ(refusal("[1}"), "1:3 expected ',' or ']', not '}'");
  EXPECT_EQ(refusal("[1] ]"), "1:5 unexpected ']' after the end of the document");
  EXPECT_EQ(refusal("[1][2]"), "1:4 unexpected '[' after the end of the document");
  EXPECT_EQ(refusal("}"), "1:1 expected an object {...}, not '}'");
  EXPECT_EQ(refusal("[\n[1,\n2"), "3:2 the text ends here, but the list that begins at line 2, column 1 is not closed");
  EXPECT_EQ(refusal("[[1],"), "1:5 the text ends here, but the list that begins at line 1, column 1 is not closed");
  EXPECT_EQ(refusal("{\"a\": "),
            "1:5 the text ends here, but the object that begins at line 1, column 1 is not closed");
}

TEST(JsonDocument, ExplainsNumbersThatAreNone) {
  EXPECT_EQ(refusal("[-01]"), "1:2 '-01' is no number: leave out the 0 in front");
  EXPECT_EQ(refusal("[-.5]"), "1:2 '-.5' is no number: a digit must stand before the point");
  EXPECT_EQ(refusal("[1.e5]"), "1:2 '1.e5' is no number: a digit must follow the point");
  EXPECT_EQ(refusal("[1e+]"), "1:2 '1e+' is no number");
  EXPECT_EQ(refusal("[1e5.5]"), "1:2 '1e5.5' is no number");
  EXPECT_EQ(refusal("[12abc]"), "1:2 '12abc' is no number");
  EXPECT_EQ(refusal("[-1e400]"), "1:2 the number -1e400 is too large");
  EXPECT_EQ(refusal("[nullify]"), "1:2 'nullify' is none of the words true, false and null (did you mean \"null\"?)");
  EXPECT_EQ(refusal("tru"), "1:1 'tru' is none of the words true, false and null (did you mean \"true\"?)");
  EXPECT_EQ(document_of("[1e-400]").root.items[0].real, 0);
}

TEST(JsonDocument, ExplainsStringsThatAreNone) {
  EXPECT_EQ(refusal("[\"a"), "1:2 the string is not closed");
  EXPECT_EQ(refusal("[\"a\\"), "1:2 the string is not closed");
  EXPECT_EQ(refusal("{\"a\\\""), "1:2 the string is not closed");
  EXPECT_EQ(refusal("[\"a\\u00g0\"]"), "1:4 four hexadecimal digits must follow \\u");
  EXPECT_EQ(refusal("[\"a\\\xc3\xa9\"]"), "1:4 \\\xc3\xa9 is no escape; a backslash itself is written \\\\");
  EXPECT_EQ(refusal("[\"a\\\n\"]"), "1:4 \\\\n is no escape; a backslash itself is written \\\\");
  EXPECT_EQ(refusal("[\"\xf5\"]"), "1:3 the byte 0xf5 in a string is no UTF-8");
  EXPECT_EQ(refusal("[\"\xc3\"]"), "1:3 the byte 0xc3 in a string is no UTF-8");
  EXPECT_TRUE(parse_json("[\"\xf4\x8f\xbf\xbf\x7f\"]").complete);
}

TEST(Quoting, KeepsTextOnOneLine) {
  EXPECT_EQ(in_quotes("a\"b\\c\n\x1b\xff"), "\"a\\\"b\\\\c\\n\\u001b\xef\xbf\xbd\"");
  EXPECT_EQ(one_line("\xc2\x85\xe2\x80\xa8\xe2\x80\xae\xef\xbb\xbf"), "\\u0085\\u2028\\u202e\\ufeff");
  EXPECT_EQ(one_line("caf\xc3\xa9 \xf0\x9f\x98\x80"), "caf\xc3\xa9 \xf0\x9f\x98\x80");
}

TEST(Quoting, EscapesWhatDoesNotShowOrTurnsText) {
  // clang-format off
  const std::vector<std::pair<char32_t, char32_t>> ranges = {
      {0x00, 0x1f}, {0x7f, 0x9f}, {0xad, 0xad}, {0x61c, 0x61c}, {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x2064},
      {0x2066, 0x2069}, {0xfeff, 0xfeff}};
  // clang-format on
  for (const auto& [first, last] : ranges) {
    for (char32_t point = first; point <= last; ++point) EXPECT_TRUE(is_invisible(point)) << code_point_name(point);
    if (first > 0) {
      EXPECT_FALSE(is_invisible(first - 1)) << code_point_name(first);
    }
    EXPECT_FALSE(is_invisible(last + 1)) << code_point_name(last);
  }
  EXPECT_EQ(one_line("\xc2\xad\xd8\x9c\xe2\x80\x8b\xe2\x80\x8f\xe2\x81\xa0"), "\\u00ad\\u061c\\u200b\\u200f\\u2060");
}

TEST(Quoting, CutsBetweenCharacters) {
  EXPECT_EQ(shortened("abcdef", 6), "abcdef");
  EXPECT_EQ(shortened("abcdefg", 6), "abcdef...");
  EXPECT_EQ(shortened("abcde\xc3\xa9 and more", 6), "abcde...");
  EXPECT_EQ(shortened("abc\xf0\x9f\x98\x80 and more", 6), "abc...");
}

}  // namespace
}  // namespace attune::test
