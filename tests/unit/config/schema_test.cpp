// The JSON Schema against another implementation's reading of it (Debian's python3-jsonschema).
#include <array>
#include <cstdio>
#include <gtest/gtest.h>
#include <map>
#include <set>

#include "cases.h"
#include "config/sidecar.h"
#include "configs.h"
#include "examples.h"
#include "folder.h"
#include "specs.h"

namespace attune::test {
namespace {

namespace fs = std::filesystem;

const char* const check = R"(
import json, sys
from jsonschema import Draft202012Validator
schema = json.load(open(sys.argv[1], encoding="utf-8"))
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema)
for line in open(sys.argv[2], encoding="utf-8"):
    file = line.rstrip("\n")
    try:
        document = json.load(open(file, encoding="utf-8-sig"))
    except ValueError:
        print("unreadable", file)
        continue
    print("accepted" if validator.is_valid(document) else "refused", file)
)";

// What the schema cannot say: names that must fit together, keys that stand twice, 1.0 that is no integer, and rules
// that only the component knows; what a version has; and what Python reads differently: a pattern's $ before a line
// break.
// clang-format off
const std::set<std::string> beyond_schema = {
    "duplicate_key_escaped", "duplicate_key_of_term", "duplicate_map", "duplicate_parameter", "duplicate_version",
    "unknown_map", "unknown_map_capital", "unknown_map_far", "unknown_source", "source_of_another_term",
    "source_beside_unknown_map", "terms_of_one_name", "terms_of_a_default_name", "type_integer_whole_real",
    "type_version_real", "range_even_window", "stop_gradient_without_inputs", "target_twice",
    "second_annotation_in_version_1", "second_models_in_version_1", "second_target_in_version_1",
    "second_terms_in_version_1", "term_of_one_map",
    "map_name_with_line_break", "model_unknown_layer", "model_unknown_layer_far", "model_layer_of_block",
    "model_label_unknown", "model_label_capital", "model_label_far", "model_label_of_two_classes",
    "model_label_index", "model_label_index_string", "model_label_top_word",
};

// The same of training configs; and specs, of which they only have names.
const std::set<std::string> beyond_config_schema = {
    "duplicate_key", "duplicate_of_data", "duplicate_of_optimizer", "duplicate_of_stage", "empty_spec",
    "misplaced_nesterov", "misplaced_nesterov_zero", "missing_maps_of_select", "missing_validation",
    "missing_validation_of_zero", "name_of_another_default", "name_of_monitors", "name_twice", "name_with_line_break",
    "spec_faulty", "spec_faulty_thrice", "spec_folder", "spec_is_config", "spec_long", "spec_missing", "spec_no_json",
    "spec_of_many_faults", "spec_of_maps", "spec_of_monitors", "spec_unknown", "spec_unknown_far",
    "type_epochs_whole_real",
};
// clang-format on

class Schema : public testing::Test {
 protected:
  void SetUp() override {
    if (std::system("/usr/bin/python3 -c 'import jsonschema' >/dev/null 2>&1") != 0) {
      GTEST_SKIP() << "needs the Debian package python3-jsonschema";
    }
  }

  // file -> accepted, refused or unreadable.
  std::map<fs::path, std::string> verdicts(const std::string& schema, const std::vector<fs::path>& files) const {
    std::string list;
    for (const fs::path& file : files) list += file.string() + "\n";
    const std::string command = "/usr/bin/python3 '" + folder_.write("check.py", check).string() + "' '" +
                                folder_.write("schema.json", schema).string() + "' '" +
                                folder_.write("files", list).string() + "' 2>&1";
    std::map<fs::path, std::string> verdicts;
    FILE* pipe = popen(command.c_str(), "r");
    std::string output;
    std::array<char, 4096> buffer;
    for (size_t n = 0; (n = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) output.append(buffer.data(), n);
    EXPECT_EQ(pclose(pipe), 0) << output;
    for (size_t begin = 0; begin < output.size();) {
      const size_t end = std::min(output.find('\n', begin), output.size());
      const size_t space = output.find(' ', begin);
      verdicts[output.substr(space + 1, end - space - 1)] = output.substr(begin, space - begin);
      begin = end + 1;
    }
    EXPECT_EQ(verdicts.size(), files.size());
    return verdicts;
  }

  void expect_accepted(const std::string& schema, const std::vector<fs::path>& files) const {
    for (const auto& [file, verdict] : verdicts(schema, files)) EXPECT_EQ(verdict, "accepted") << file;
  }

  // All but these must be refused.
  void expect_refused(const std::string& schema, const std::vector<Case>& cases,
                      const std::set<std::string>& beyond) const {
    std::vector<fs::path> files;
    for (const Case& read : cases) files.push_back(folder_.write(read.name + ".json", read.document));
    std::set<std::string> accepted;
    size_t refused = 0;
    for (const auto& [file, verdict] : verdicts(schema, files)) {
      const std::string name = file.stem().string();
      if (name.rfind("syntax_", 0) == 0) continue;  // not for a schema; Python reads some
      if (verdict == "accepted") accepted.insert(name);
      if (verdict == "refused") ++refused;
    }
    EXPECT_EQ(accepted, beyond);
    EXPECT_GT(refused, 100u);
  }

 private:
  const TemporaryFolder folder_;
};

TEST_F(Schema, AcceptsWhatIsHandedOut) {
  const TemporaryFolder folder;
  std::vector<fs::path> files = files_in(source_dir / "docs" / "specs", ".json");
  for (const auto& [id, text] : plugin_examples()) files.push_back(folder.write(id + ".json", text));
  expect_accepted(spec_schema(components()), files);
}
TEST_F(Schema, RefusesTheRest) { expect_refused(spec_schema(components()), cases_in(bad_specs()), beyond_schema); }
TEST_F(Schema, AcceptsGoodConfigs) { expect_accepted(train_schema(), good_configs()); }
TEST_F(Schema, RefusesBadConfigs) {
  expect_refused(train_schema(), cases_in(bad_configs(), good_config()), beyond_config_schema);
}

TEST_F(Schema, KnowsSidecars) {
  const TemporaryFolder folder;
  const auto written = [&](const std::vector<std::string>& texts) {
    std::vector<fs::path> files;
    for (const std::string& text : texts) files.push_back(folder.write(std::to_string(files.size()) + ".json", text));
    return files;
  };
  Sidecar sidecar;
  sidecar.labels = {"cat", "dog"};
  sidecar.preprocess.size = {240, 320};
  sidecar.preprocess.mean = std::vector<double>{0.5};
  sidecar.frames = 8;
  expect_accepted(sidecar_schema(), written({"{}", sidecar_text(sidecar), R"({"labels": {"0": "cat"}, "output": 1})",
                                             R"({"labels": "names.txt", "preprocess": {"size": 299}})"}));
  const std::vector<std::string> bad = {R"({"layers": "a"})",
                                        R"({"frames": 0})",
                                        R"({"labels": 3})",
                                        R"({"labels": [1]})",
                                        R"({"output": -1})",
                                        R"({"task": "both"})",
                                        R"({"preprocess": {"size": [1]}})",
                                        R"({"preprocess": {"crop": 1}})",
                                        R"({"preprocess": {"mean": []}})"};
  for (const auto& [file, verdict] : verdicts(sidecar_schema(), written(bad))) EXPECT_EQ(verdict, "refused") << file;
}

// Editors complete from these.
TEST(SchemaText, DescribesParameters) {
  const std::string schema = spec_schema(components());
  EXPECT_NE(schema.find("https://json-schema.org/draft/2020-12/schema"), std::string::npos);
  for (const Component& component : components().components()) {
    EXPECT_NE(schema.find(component.descriptor.summary), std::string::npos) << component.descriptor.id;
    for (const ParameterDeclaration& declared : component.descriptor.parameters) {
      EXPECT_NE(schema.find("\"" + declared.help + "\""), std::string::npos) << declared.name;
    }
  }
}

}  // namespace
}  // namespace attune::test
