// The cases of tests/configs/bad; and what is too large to keep.
#include <gtest/gtest.h>

#include "configs.h"
#include "corpus.h"
#include "errors.h"

namespace attune::test {
namespace {

namespace fs = std::filesystem;

class BadConfig : public testing::TestWithParam<std::string> {};

TEST_P(BadConfig, IsRefusedInTheseWords) {
  const fs::path file = bad_configs() / (GetParam() + ".cases");
  expect_messages(file, read_cases(file, good_config()), [](const Case& read) { return config_faults(read.document); });
}

TEST_P(BadConfig, HasFaultsInTheOrderOfTheText) {
  for (const Case& read : read_cases(bad_configs() / (GetParam() + ".cases"), good_config())) {
    expect_faults_in_order(read, [&] { parse_config(read.document); });
  }
}

INSTANTIATE_TEST_SUITE_P(Files, BadConfig, testing::ValuesIn(kinds_in(bad_configs())),
                         [](const auto& info) { return info.param; });

TEST(BadConfigs, AreNamedAfterTheirKind) { expect_names_of_kinds(cases_in(bad_configs(), good_config())); }

TEST(BadConfigs, AreRefusedByTheNameOfTheirFile) {
  const TemporaryFolder folder;
  const fs::path file = folder.write("mine.json", "[]");
  EXPECT_EQ(message_of(Fault::spec, [&] { read_train_config(file, config_context()); }),
            file.string() + ":1:1: must be an object {...}, not a list");
}

TEST(BadConfigs, HaveAHundredFaultsAtMost) {
  std::string text = "{\"key\": 1";
  for (int i = 0; i < 5000; ++i) text += ", \"key" + std::to_string(i) + "\": 1";
  try {
    parse_config(text + "}");
    ADD_FAILURE() << "is a good config";
  } catch (const SpecError& error) {
    EXPECT_EQ(error.faults().size(), 100u);
    EXPECT_TRUE(error.has_more());
  }
}

TEST(BadConfigs, MayBeNestedDeeply) {
  const std::string message = "objects and lists are nested deeper than 64 levels";
  EXPECT_EQ(config_faults(std::string(1000000, '[')), "config.json:1:65: " + message);
  EXPECT_EQ(config_faults("{\"stages\": " + std::string(1000000, '[')), "config.json:1:75: " + message);
}

TEST(BadConfigs, AreNotReadWhenTheyAreHuge) {
  const TemporaryFolder folder;
  const fs::path file = folder.write("huge.json", "{");
  fs::resize_file(file, (50u << 20) + 1);
  EXPECT_EQ(message_of(Fault::spec, [&] { read_train_config(file, config_context()); }),
            "config '" + file.string() + "' has 52428801 bytes; a config has at most 1048576");
}

TEST(BadConfigs, MayBeMissing) {
  const TemporaryFolder folder;
  for (const fs::path& path : {folder / "none.json", folder.path()}) {
    EXPECT_EQ(message_of(Fault::spec, [&] { read_train_config(path, config_context()); }),
              "config '" + path.string() + "' cannot be read");
  }
}

// The search for a similar name would take gigabytes.
TEST(BadConfigs, MayHaveLongTexts) {
  const std::string text = std::string(1 << 20, 'n');
  const std::string shown = "\"" + std::string(60, 'n') + "...\"";
  const std::string stage =
      R"({"version": 1, "model": "m", "data": {"format": "images", "root": "d"}, "output": "o", )";
  const std::string faults = config_faults(stage + "\"monitors\": [\"" + text + "\"], \"select\": \"" + text + "\"}");
  EXPECT_LT(faults.size(), 2000u);
  EXPECT_TRUE(contains(faults, shown)) << faults;
}

}  // namespace
}  // namespace attune::test
