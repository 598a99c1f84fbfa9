// Every way in which a plugin is refused has its own sentence, and nothing of the plugin stays.
#include <array>
#include <functional>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <attune/sdk/abi.h>

#include "support.h"

namespace attune {
namespace {

namespace fs = std::filesystem;

const std::string sdk = std::to_string(ATTUNE_SDK_MAJOR) + "." + std::to_string(ATTUNE_SDK_MINOR);

// The reason for which the only file of a folder was refused.
std::string reason(const fs::path& folder) {
  const Catalogue catalogue = load({folder});
  EXPECT_TRUE(catalogue.components().empty());
  EXPECT_TRUE(catalogue.plugins().empty());
  EXPECT_EQ(catalogue.refusals().size(), 1u);
  return catalogue.refusals().empty() ? "loaded" : catalogue.refusals()[0].reason;
}

std::string fixture_reason(const std::string& name) { return reason(fixture_folder(name)); }

// Whether a static constructor of the fixture ran.
bool runs_code(const std::string& name) {
  const TemporaryFolder folder;
  const fs::path mark = folder.path() / "mark";
  setenv("ATTUNE_TEST_MARK", mark.c_str(), 1);
  // A copy, as a library that another test has loaded would not start once more.
  fs::copy_file(fixture(name), folder.path() / fixture(name).filename());
  load({folder.path()});
  unsetenv("ATTUNE_TEST_MARK");
  return fs::exists(mark);
}

TEST(Refusals, OtherMajorVersionOfTheSdk) {
  EXPECT_EQ(fixture_reason("other_sdk"),
            "the plugin was built with SDK 1.0, but this attune takes SDK " + sdk + "; build it again");
}

TEST(Refusals, NewerMinorVersionOfTheSdk) {
  EXPECT_EQ(fixture_reason("newer_sdk"),
            "the plugin needs SDK 2.99, but this attune is older and has SDK " + sdk + "; update attune");
}

TEST(Refusals, OtherLibTorch) {
  const std::string theirs = std::to_string(TORCH_VERSION_MAJOR) + ".99." + std::to_string(TORCH_VERSION_PATCH);
  EXPECT_EQ(fixture_reason("other_torch"), "the plugin was built with LibTorch " + theirs +
                                               ", but this attune runs LibTorch " ATTUNE_ABI_TORCH "; build it again");
}

TEST(Refusals, OtherLayoutOfTheStandardLibrary) {
  const std::string tag = ATTUNE_ABI_TAG;
  const std::string theirs = tag.substr(0, tag.rfind('_')) + "_cxx03";
  EXPECT_EQ(fixture_reason("other_abi"), "the plugin was built with the binary interface " + theirs +
                                             ", but this attune has " + tag + "; build it again");
}

TEST(Refusals, NoCodeOfARefusedPluginRuns) {
  EXPECT_TRUE(runs_code("marked"));  // shows that the mark works
  for (const char* name : {"other_sdk", "newer_sdk", "other_torch", "other_abi", "no_section"}) {
    EXPECT_FALSE(runs_code(name)) << name;
  }
}

// The plugin that leaves a mark fits but for one fact, which is changed in the file: the reason says both versions, and
// there is no mark.
TEST(Refusals, DoctoredFacts) {
  const std::string torch = ATTUNE_ABI_TORCH, tag = ATTUNE_ABI_TAG;
  const std::string other_torch = "9" + torch.substr(1);
  const std::string other_tag = std::string(tag).replace(tag.find("libstdcxx"), 9, "libanycxx");
  const std::vector<std::array<std::string, 3>> facts{
      {"sdk_major=" + std::to_string(ATTUNE_SDK_MAJOR) + "\n", "sdk_major=9\n",
       "the plugin was built with SDK 9." + std::to_string(ATTUNE_SDK_MINOR) + ", but this attune takes SDK " + sdk},
      {"sdk_minor=" + std::to_string(ATTUNE_SDK_MINOR) + "\n", "sdk_minor=9\n",
       "the plugin needs SDK " + std::to_string(ATTUNE_SDK_MAJOR) + ".9, but this attune is older and has SDK " + sdk},
      {"torch=" + torch + "\n", "torch=" + other_torch + "\n",
       "the plugin was built with LibTorch " + other_torch + ", but this attune runs LibTorch " + torch},
      {"abi=" + tag + "\n", "abi=" + other_tag + "\n",
       "the plugin was built with the binary interface " + other_tag + ", but this attune has " + tag},
  };
  for (const auto& [fact, doctored, expected] : facts) {
    std::string bytes = read_bytes(fixture("marked"));
    ASSERT_NE(bytes.find(fact), std::string::npos) << fact;
    bytes.replace(bytes.find(fact), fact.size(), doctored);
    const TemporaryFolder folder, elsewhere;
    folder.write("attune-marked.so", bytes);
    setenv("ATTUNE_TEST_MARK", (elsewhere.path() / "mark").c_str(), 1);
    const std::string said = reason(folder.path());
    unsetenv("ATTUNE_TEST_MARK");
    EXPECT_EQ(said.substr(0, said.find(';')), expected);
    EXPECT_FALSE(fs::exists(elsewhere.path() / "mark")) << fact;
  }
}

TEST(Refusals, TheFenceHoldsWhenTheSectionLies) {
  EXPECT_EQ(fixture_reason("fenced"), "the library cannot be loaded: undefined symbol: attune_abi_of_another_world");
}

TEST(Refusals, UndefinedSymbol) {
  EXPECT_EQ(fixture_reason("undefined"), "the library cannot be loaded: undefined symbol: _Z19nobody_defines_thisv");
}

TEST(Refusals, LibraryThatIsNoPlugin) {
  EXPECT_EQ(
      fixture_reason("no_section"),
      "the library has no section .attune.abi, so it is not an attune plugin; plugins are made with ATTUNE_PLUGIN");
}

TEST(Refusals, NoEntry) {
  EXPECT_EQ(fixture_reason("no_entry"),
            "the library exports no attune_plugin_entry; plugins are made with ATTUNE_PLUGIN");
}

TEST(Refusals, EntryOfAnotherSize) {
  EXPECT_EQ(fixture_reason("short_entry"),
            "the plugin's entry has 16 bytes, but this attune expects " + std::to_string(sizeof(PluginEntry)));
}

TEST(Refusals, EntryAndSectionDisagree) {
  EXPECT_EQ(fixture_reason("two_names"),
            "the plugin's entry says name \"other\", but its section .attune.abi says \"entry\"");
}

TEST(Refusals, RegistrationThatThrows) {
  EXPECT_EQ(fixture_reason("throws"), "the plugin's registration failed: no licence found");
  EXPECT_EQ(fixture_reason("throws_number"),
            "the plugin's registration failed: it threw something that is not a std::exception");
}

TEST(Refusals, RegistrationThatHidesAnError) {
  EXPECT_EQ(
      fixture_reason("swallows"),
      "correlation \"Swallows Dot\" has an id that is not made of lower-case letters, digits and underscores, with "
      "at most one dot (vendor.name)");
}

TEST(Refusals, NothingRegistered) { EXPECT_EQ(fixture_reason("empty"), "the plugin registers no component"); }

TEST(Refusals, NotALibrary) {
  const TemporaryFolder folder;
  folder.write("attune-text.so", "INPUT(libattune.so), which is a linker script and no library");
  EXPECT_EQ(reason(folder.path()), "the file is not a shared library (it is not in ELF format)");
}

TEST(Refusals, EmptyFile) {
  const TemporaryFolder folder;
  folder.write("attune-text.so", "");
  EXPECT_EQ(reason(folder.path()), "the file is not a shared library (it is not in ELF format)");
}

TEST(Refusals, Truncated) {
  const TemporaryFolder folder;
  const std::string bytes = read_bytes(fixture("good"));
  folder.write("attune-good.so", bytes.substr(0, bytes.size() - 1));
  EXPECT_EQ(reason(folder.path()), "the library is truncated: it ends after " + std::to_string(bytes.size() - 1) +
                                       " bytes, before its own tables do");
}

TEST(Refusals, FileOfAnotherName) {
  const TemporaryFolder folder;
  fs::copy_file(fixture("good"), folder.path() / "good.so");
  EXPECT_EQ(reason(folder.path()), "the file is not named attune-<name>.so");
}

TEST(Refusals, FileThatAnyoneMayWriteTo) {
  const TemporaryFolder folder;
  fs::copy_file(fixture("good"), folder.path() / "attune-good.so");
  fs::permissions(folder.path() / "attune-good.so", fs::perms::others_write, fs::perm_options::add);
  EXPECT_EQ(reason(folder.path()), "anyone may write to the file; take that right away (chmod o-w)");
}

TEST(Refusals, LinkIntoAFolderThatAnyoneMayWriteTo) {
  const TemporaryFolder folder;
  const TemporaryFolder elsewhere;
  fs::copy_file(fixture("good"), elsewhere.path() / "attune-good.so");
  fs::create_symlink(elsewhere.path() / "attune-good.so", folder.path() / "attune-good.so");
  fs::permissions(elsewhere.path(), fs::perms::others_write, fs::perm_options::add);
  EXPECT_EQ(reason(folder.path()), "the file links to " + (elsewhere.path() / "attune-good.so").string() +
                                       ", where anyone may write to the folder; take that right away (chmod o-w)");
}

TEST(Refusals, SomethingElseThanAFile) {
  const TemporaryFolder folder;
  ASSERT_EQ(mkfifo((folder.path() / "attune-pipe.so").c_str(), 0600), 0);
  EXPECT_EQ(reason(folder.path()), "it is not a regular file");
}

TEST(Refusals, SecondComponentOfOneId) {
  const Catalogue catalogue = load({fixture_folder("good"), fixture_folder("zz_again")});
  ASSERT_EQ(catalogue.refusals().size(), 1u);
  EXPECT_EQ(catalogue.refusals()[0].path, fixture("zz_again"));
  EXPECT_EQ(catalogue.refusals()[0].reason, "correlation \"good_dot\" is registered by " +
                                                fixture("zz_again").string() + ", but " + fixture("good").string() +
                                                " comes first on the search path and registered it already");
  EXPECT_EQ(catalogue.find("good_dot")->path, fixture("good"));
  EXPECT_EQ(catalogue.find("again_dot"), nullptr);  // registered before the fault: all or nothing
}

TEST(Refusals, TheFirstFolderWins) {
  const Catalogue catalogue = load({fixture_folder("zz_again"), fixture_folder("good")});
  ASSERT_EQ(catalogue.refusals().size(), 1u);
  EXPECT_EQ(catalogue.refusals()[0].path, fixture("good"));
  EXPECT_EQ(catalogue.find("good_copy"), nullptr);
}

TEST(Refusals, OneBadFileDoesNotStopTheOthers) {
  const TemporaryFolder folder;
  folder.write("attune-aaa.so", "no library");
  fs::copy_file(fixture("good"), folder.path() / "attune-good.so");
  const Catalogue catalogue = load({folder.path()});
  EXPECT_EQ(catalogue.refusals().size(), 1u);
  EXPECT_NE(catalogue.find("good_dot"), nullptr);
}

}  // namespace
}  // namespace attune
