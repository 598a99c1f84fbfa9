#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/loader.h"
#include "support.h"

namespace attune {
namespace {

TEST(Trust, OwnFolderIsFine) {
  const TemporaryFolder folder;
  EXPECT_EQ(inspect_folder(folder.path()).refusal, "");
  EXPECT_EQ(inspect_folder(folder.path()).note, "");
}

TEST(Trust, FolderThatAnyoneMayWriteToIsRefused) {
  const TemporaryFolder folder;
  ASSERT_EQ(chmod(folder.path().c_str(), 0777), 0);
  EXPECT_EQ(inspect_folder(folder.path()).refusal, "anyone may write to the folder; take that right away (chmod o-w)");
  const Catalogue catalogue = load({folder.path()});
  ASSERT_EQ(catalogue.refusals().size(), 1u);
  EXPECT_EQ(catalogue.refusals()[0].path, folder.path());
}

TEST(Trust, StickyFolderIsFine) {
  const TemporaryFolder folder;
  ASSERT_EQ(chmod(folder.path().c_str(), 01777), 0);
  EXPECT_EQ(inspect_folder(folder.path()).refusal, "");
}

TEST(Trust, FolderThatItsGroupMayWriteToIsANote) {
  const TemporaryFolder folder;
  ASSERT_EQ(chmod(folder.path().c_str(), 0775), 0);
  EXPECT_EQ(inspect_folder(folder.path()).refusal, "");
  const Catalogue catalogue = load({folder.path()});
  ASSERT_EQ(catalogue.notes().size(), 1u);
  EXPECT_EQ(catalogue.notes()[0].rfind("plugin folder " + folder.path().string() + " may be written to by group ", 0),
            0u);
}

TEST(Trust, FolderAndFileOfAnotherUserAreRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a folder away";
  const TemporaryFolder folder;
  const auto file = folder.write("attune-x.so", "");
  ASSERT_EQ(chown(folder.path().c_str(), 12345, 0), 0);
  ASSERT_EQ(chown(file.c_str(), 12345, 0), 0);
  EXPECT_EQ(inspect_folder(folder.path()).refusal,
            "the folder belongs to user 12345; it must belong to root or to you (user 0)");
  EXPECT_EQ(inspect_file(file).refusal, "the file belongs to user 12345; it must belong to root or to you (user 0)");
}

TEST(Trust, AFileIsNoFolder) {
  const TemporaryFolder folder;
  EXPECT_EQ(inspect_folder(folder.write("x", "")).refusal, "it is not a folder");
  EXPECT_EQ(inspect_file(folder.path()).refusal, "it is not a regular file");
}

}  // namespace
}  // namespace attune
