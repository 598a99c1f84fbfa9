// Where plugins are looked for, and that the working directory is not among the places.
#include <gtest/gtest.h>

#include "support.h"

namespace attune {
namespace {

namespace fs = std::filesystem;

class Folders : public testing::Test {
 protected:
  void SetUp() override { unsetenv("ATTUNE_PLUGIN_PATH"); }
  void TearDown() override { unsetenv("ATTUNE_PLUGIN_PATH"); }
};

TEST_F(Folders, NamedThenEnvironmentThenDefault) {
  setenv("ATTUNE_PLUGIN_PATH", "/first:/second", 1);
  const SearchPath folders = search_folders({"/named", "/other"});
  ASSERT_EQ(folders.size(), 5u);
  EXPECT_EQ(folders[0].path, "/named");
  EXPECT_EQ(folders[1].path, "/other");
  EXPECT_EQ(folders[2].path, "/first");
  EXPECT_EQ(folders[3].path, "/second");
  EXPECT_EQ(folders[4].origin, "default");
  EXPECT_EQ(folders[0].if_missing, IfMissing::fail);
  EXPECT_EQ(folders[2].if_missing, IfMissing::note);
}

TEST_F(Folders, TheDefaultLiesBesideTheExecutable) {
  const SearchPath folders = search_folders();
  ASSERT_EQ(folders.size(), 1u);
  // This test lies in <build>/tests and the plugins in <build>/lib/attune/plugins; where they were not built, the
  // folder beside the library is named.
  const fs::path built = fs::path(ATTUNE_BUILD_DIR) / "lib/attune/plugins";
  const fs::path beside_library = fs::path(ATTUNE_BUILD_DIR) / "tests/attune/plugins";
  EXPECT_EQ(folders[0].path, fs::is_directory(built) ? built : beside_library);
}

TEST_F(Folders, EmptyEntriesOfTheEnvironmentAreNotTheWorkingDirectory) {
  setenv("ATTUNE_PLUGIN_PATH", "::/first:", 1);
  const SearchPath folders = search_folders();
  ASSERT_EQ(folders.size(), 2u);
  EXPECT_EQ(folders[0].path, "/first");
}

TEST_F(Folders, RelativeEntriesOfTheEnvironmentAreRefused) {
  setenv("ATTUNE_PLUGIN_PATH", ".", 1);
  SearchPath folders = search_folders();
  folders.pop_back();
  const Catalogue catalogue = Catalogue::load(folders);
  ASSERT_EQ(catalogue.refusals().size(), 1u);
  EXPECT_EQ(catalogue.refusals()[0].path, ".");
  EXPECT_EQ(catalogue.refusals()[0].reason,
            "the folder is not given by an absolute path; plugins are never taken from the working directory");
}

TEST_F(Folders, NamedFoldersMayBeRelative) {
  EXPECT_EQ(search_folders({"some/folder"})[0].path, fs::current_path() / "some/folder");
}

TEST_F(Folders, MissingNamedFolderIsAnError) {
  try {
    load({"/nowhere/plugins"});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::usage);
    EXPECT_STREQ(error.what(), "plugin folder /nowhere/plugins (--plugin-dir) does not exist");
  }
}

TEST_F(Folders, MissingFolderOfTheEnvironmentIsANote) {
  const Catalogue catalogue = Catalogue::load({{"/nowhere/plugins", "ATTUNE_PLUGIN_PATH", IfMissing::note}});
  EXPECT_EQ(catalogue.notes(),
            std::vector<std::string>{"plugin folder /nowhere/plugins (ATTUNE_PLUGIN_PATH) does not exist"});
}

TEST_F(Folders, MissingDefaultFolderIsFine) {
  const Catalogue catalogue = Catalogue::load({{"/nowhere/plugins", "default", IfMissing::ignore}});
  EXPECT_TRUE(catalogue.notes().empty());
  EXPECT_TRUE(catalogue.refusals().empty());
}

}  // namespace
}  // namespace attune
