// Columns stay in line, whatever the letters.
#include "table.h"

#include <gtest/gtest.h>
#include <sstream>

#include "base/numbers.h"

namespace attune::test {
namespace {

std::string printed(const std::vector<cli::Cells>& rows, const std::string& align = "",
                    const std::string& indent = "") {
  std::ostringstream out;
  cli::print_table(out, rows, align, indent);
  return out.str();
}

TEST(Tables, CountLettersAndNotBytes) {
  EXPECT_EQ(printed({{"café", "1"}, {"cafe", "2"}, {"Ελλάδα", "3"}}), "café    1\ncafe    2\nΕλλάδα  3\n");
}

TEST(Tables, NumbersEndBelowEachOther) {
  EXPECT_EQ(printed({{"row", "ms"}, {"forward", "10.5"}}, "lr", "  "), "  row        ms\n  forward  10.5\n");
}

TEST(Tables, RowsMayBeShorterAndNothingFollowsTheLastCell) {
  EXPECT_EQ(printed({{"a"}, {"long", "b", "c"}, {"d", "", ""}}), "a\nlong  b  c\nd\n");
  EXPECT_EQ(printed({}), "");
}

TEST(Texts, NumbersHaveTheirDigits) {
  EXPECT_EQ(fixed(0.4421), "0.442");
  EXPECT_EQ(fixed(-0.5, 0), "-0");
  EXPECT_EQ(fixed(std::nan("")), "-");
  EXPECT_EQ(fixed(1e308, 1).size(), 311);
  EXPECT_EQ(significant(1.23456789), "1.23457");
  EXPECT_EQ(significant(0.0000123456, 3), "1.23e-05");
  EXPECT_EQ(percent(0.5), "50.0 %");
  EXPECT_EQ(listed({"cam", "gb"}), "cam, gb");
  EXPECT_EQ(listed({}), "");
}

}  // namespace
}  // namespace attune::test
