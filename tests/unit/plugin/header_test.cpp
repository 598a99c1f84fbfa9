// The public header, which programs written in C++17 may include.
#include <gtest/gtest.h>

#include <attune/catalogue.h>

namespace attune {
namespace {

TEST(CatalogueHeader, NamesWhatIsShared) {
  const SearchFolder folder{"/plugins", "default"};
  EXPECT_EQ(folder.if_missing, IfMissing::fail);
}

}  // namespace
}  // namespace attune
