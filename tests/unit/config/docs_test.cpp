// The tables of keys in the documentation against those that the readers read: names, defaults, ranges and words.
#include <gtest/gtest.h>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>

#include "config/sidecar.h"
#include "config/train_config.h"
#include "folder.h"
#include "specs.h"

namespace attune::test {
namespace {

using nlohmann::json;
using Row = std::vector<std::string>;  // the cells of a table

std::set<std::string> found_in(const std::string& text, const std::string& pattern) {
  const std::regex expression(pattern);
  std::set<std::string> found;
  for (std::sregex_iterator match(text.begin(), text.end(), expression), end; match != end; ++match) {
    found.insert((*match)[1]);
  }
  return found;
}

std::set<std::string> code_in(const std::string& cell) { return found_in(cell, "`\"?([^`\"]+)\"?`"); }

bool has_number(const std::string& text, double number) {
  for (const std::string& found : found_in(text, "(-?[0-9][0-9.]*(?:e-?[0-9]+)?)")) {
    if (std::stod(found) == number) return true;
  }
  return false;
}

// The rows of the first table below a heading, without its head.
std::vector<Row> rows_below(const std::string& page, const std::string& heading) {
  std::istringstream lines(read_bytes(source_dir / "docs" / page));
  std::vector<Row> rows;
  bool is_below = false;
  for (std::string line; std::getline(lines, line);) {
    is_below = is_below || line == heading;
    if (line.rfind("|", 0) != 0 && !rows.empty()) break;
    if (!is_below || line.rfind("|", 0) != 0) continue;
    Row row;
    std::istringstream cells(line.substr(2));
    for (std::string cell; std::getline(cells, cell, '|');) row.push_back(cell);
    rows.push_back(row);
  }
  EXPECT_GT(rows.size(), 2u) << heading;
  rows.erase(rows.begin(), rows.begin() + std::min<ptrdiff_t>(2, static_cast<ptrdiff_t>(rows.size())));
  return rows;
}

// `said` is what the page says of the key.
void expect_said(const json& schema, const std::string& said) {
  const json numbers = schema.contains("items") && schema["items"].is_object() ? schema["items"] : schema;
  const std::set<std::string> words = code_in(said);
  const auto is_said = [&](const json& value) {
    if (value.is_number()) return has_number(said, value.get<double>());
    return words.count(value.is_string() ? value.get<std::string>() : value.dump()) == 1;
  };
  json values = schema.value("enum", json::array());
  if (schema.contains("default")) values.push_back(schema["default"]);
  for (const char* bound : {"minimum", "maximum"}) {
    if (numbers.contains(bound)) values.push_back(numbers[bound]);
  }
  for (const json& value : values) EXPECT_TRUE(is_said(value)) << value << " is not in: " << said;
}

// A table of the keys of one object; `prefix` stands before each.
void expect_keys(const json& object, const std::string& page, const std::string& heading,
                 const std::string& prefix = "") {
  SCOPED_TRACE(page + " " + heading);
  std::map<std::string, std::string> said;
  for (const Row& row : rows_below(page, heading)) {
    for (const std::string& key : code_in(row[0])) {
      if (key.rfind(prefix, 0) == 0) said[key.substr(prefix.size())] += row.at(1) + row.at(2);
    }
  }
  for (const auto& [key, schema] : object.at("properties").items()) {
    if (schema.is_object() && said.count(key) == 1) expect_said(schema, said[key]);
    EXPECT_EQ(said.erase(key), 1u) << key << " is not in the documentation";
  }
  if (!prefix.empty()) return;
  for (const auto& [key, text] : said) EXPECT_NE(key.find('.'), std::string::npos) << key << " is no key";
}

// A table of things with keys of their own, of {"use": ...}.
void expect_parts(const json& choices, const std::string& heading) {
  SCOPED_TRACE(heading);
  std::map<std::string, std::map<std::string, std::string>> said;  // by use and key
  std::set<std::string> uses;
  for (const Row& row : rows_below("training.md", heading)) {
    if (const auto named = found_in(row[0], "(\\w+)"); !named.empty()) uses = named;
    const size_t keys = row.size() - 3;
    for (const std::string& use : uses) {
      for (const std::string& key : code_in(row.at(keys))) said[use][key] = row.at(keys + 1) + row.at(keys + 2);
    }
  }
  for (size_t i = 1; i < choices.size(); ++i) {
    const std::string use = choices[i]["properties"]["use"]["const"];
    for (const auto& [key, schema] : choices[i]["properties"].items()) {
      if (key == "use") continue;
      const std::string owner = said[use].count(key) == 1 ? use : "all";
      ASSERT_EQ(said[owner].count(key), 1u) << use << " " << key;
      expect_said(schema, said[owner][key]);
    }
  }
}

TEST(Documentation, SaysEveryKeyOfTrainingConfigs) {
  const json schema = json::parse(train_schema());
  const json& keys = schema["properties"];
  expect_keys(schema, "training.md", "### The config");
  expect_keys(keys["data"], "training.md", "### `data`");
  expect_keys(keys["head"], "training.md", "### `head`");
  expect_keys(keys["input"], "training.md", "### `input`");
  expect_keys(keys["stages"]["items"], "training.md", "### `stages`");
  expect_keys(keys["evaluate"], "training.md", "### `evaluate`");
  expect_parts(keys["augment"]["items"]["anyOf"], "### Changes of pictures");
  expect_parts(keys["stages"]["items"]["properties"]["optimizer"]["anyOf"], "### Optimizers");
  expect_parts(keys["stages"]["items"]["properties"]["schedule"]["anyOf"], "### Schedules");
}

TEST(Documentation, SaysEveryKeyOfSidecars) {
  json schema = json::parse(sidecar_schema());
  const json preprocess = schema["properties"]["preprocess"];
  schema["properties"].erase("preprocess");
  const std::string heading = "## `model.json` beside `model.pt`";
  expect_keys(schema, "export-your-model.md", heading);
  expect_keys(preprocess, "export-your-model.md", heading, "preprocess.");
}

TEST(Documentation, SaysEveryKeyOfSpecs) {
  const json schema = json::parse(spec_schema(components()));
  expect_keys(schema, "specs.md", "### The file");
  expect_keys(schema["properties"]["terms"]["items"], "specs.md", "### Terms");
}

TEST(Documentation, SaysEveryKeyOfTargets) {
  json target = json::parse(spec_schema(components()))["properties"]["target"]["anyOf"][0]["anyOf"][2];
  target["properties"].erase("class");
  expect_keys(target, "targets.md", "# Targets: what is explained");
}

}  // namespace
}  // namespace attune::test
