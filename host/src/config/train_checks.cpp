// What the keys of a training config cannot say alone.

#include <set>

#include "config/train_keys.h"

namespace attune {
namespace {

// Not given, or given as "" or 0.
bool says_nothing(const JsonAt& at, const std::string& key) {
  const JsonNode* node = at.node.find(key);
  if (node == nullptr || (node->kind == JsonNode::Kind::string && node->text.empty())) return true;
  return node->is_number() && node->real == 0;
}

bool is_text(const JsonNode* node) { return node != nullptr && node->kind == JsonNode::Kind::string; }

void check_format(DocumentReader& reader, const JsonAt& at, const DataConfig& data, bool own) {
  const bool is_voc = data.format == DataFormat::voc;
  if (is_voc || data.format == DataFormat::csv) {
    const std::string list = is_voc ? "a list in ImageSets/Main" : "a list in the root";
    if (!at.has("train")) reader.fail(at, "\"train\" is missing: " + list);
    if (at.says("train", "")) reader.fail(at.at("train"), "must name " + list);
  }
  if (is_voc && data.clips) reader.fail(at.at("clips"), "\"voc\" has pictures, not videos");
  if (data.format == DataFormat::images && !own) {
    reader.fail(at.at("format"), "\"images\" has no labels; it serves as \"data\" of a stage that reads none");
  }
}

void check_name(DocumentReader& reader, const JsonAt& at, const std::string& name, const std::string& of,
                std::set<std::string>& seen) {
  if (!reader.is_name(name)) reader.fail(at.at("name"), reader.no_name(name, of));
  if (!seen.insert(name).second) reader.fail(at.at("name"), "two " + of + "s are called " + in_quotes(name));
}

void finish_stages(DocumentReader& reader, const JsonAt& list, TrainConfig& config) {
  std::set<std::string> seen;
  for (size_t i = 0; i < config.stages.size(); ++i) {
    const JsonAt at = list.item(i);
    StageConfig& stage = config.stages[i];
    if (stage.strategy == nullptr) stage.strategy = &strategies::supervised;
    if (!at.has("loss")) {
      stage.loss = config.data.task == Task::single_label ? Objective::cross_entropy : Objective::bce;
      if (i > 0 && !stage.strategy->reads("loss")) stage.loss = config.stages[i - 1].loss;
    }
    if (!is_text(at.node.find("name"))) stage.name = std::to_string(i + 1) + "_" + stage.strategy->name;
    check_name(reader, at, stage.name, "stage", seen);
    if (!stage.strategy->reads("projection") || !stage.projection.layer.empty()) continue;
    if (config.head) {
      stage.projection.layer = config.head->layer;
    } else {
      reader.fail(at, "\"projection\" needs a \"layer\", the last of the model, as the config has no \"head\"");
    }
  }
}

void check_monitors(DocumentReader& reader, const JsonAt& list, const std::vector<NamedSpec>& monitors) {
  std::set<std::string> seen;
  for (size_t i = 0; i < monitors.size(); ++i) {
    const JsonAt at = list.item(i);
    const JsonNode* name = at.node.find("name");
    if (name == nullptr && !monitors[i].file.empty()) check_name(reader, at, monitors[i].name, "monitor", seen);
    if (is_text(name)) check_name(reader, at, name->text, "monitor", seen);
  }
}

void check_select(DocumentReader& reader, const JsonAt& root, const TrainConfig& config) {
  if (root.has("select") && !root.says("select", config.select)) return;
  const Metric* metric = selecting_metric(config.select);
  if (metric == nullptr || config.stages.empty()) return;
  const JsonAt data = root.at("data");
  if (root.has("data") && data.node.kind == JsonNode::Kind::object && says_nothing(data, "validate") &&
      says_nothing(data, "hold_out")) {
    reader.fail(data,
                "there is no validation part to select a model on; give \"validate\" or \"hold_out\", or "
                "\"select\": \"last\"");
  }
  if (metric->needs_spec && !(root.has("evaluate") && root.at("evaluate").has("maps"))) {
    reader.fail(root.at("select"), in_quotes(config.select) + " needs a spec as \"maps\" of \"evaluate\"");
  }
}

// Pieces of schemas.
Json needs(const std::string& key) { return {{"required", {key}}}; }
Json has(const std::string& key, const Json& value) { return {{"properties", {{key, value}}}, {"required", {key}}}; }
Json if_then(const Json& condition, const Json& consequence) { return {{"if", condition}, {"then", consequence}}; }

}  // namespace

void check_data(DocumentReader& reader, const JsonAt& at, DataConfig& data, bool own) {
  const auto is_it = [&](const auto& word) { return word.second == data.format; };
  const std::string format = std::find_if(format_words.begin(), format_words.end(), is_it)->first;
  if (at.says("format", format)) check_format(reader, at, data, own);
  if (!at.has("task") && data.format == DataFormat::folders) data.task = Task::single_label;
  if (own || data.validate.empty() || data.hold_out == 0) return;
  reader.fail(at.at("hold_out"), "means nothing beside \"validate\", which names the validation part");
}

Json data_rules() {
  const Json text = {{"type", "string"}, {"minLength", 1}};
  const Json no_clips = {{"properties", {{"clips", {{"const", false}}}}}};
  const Json nothing_held_out = {{"properties", {{"hold_out", {{"const", 0}}}}}};
  return {{"allOf",
           {if_then(has("format", {{"enum", {"voc", "csv"}}}), has("train", text)),
            if_then(has("format", {{"const", "voc"}}), no_clips), if_then(has("validate", text), nothing_held_out),
            if_then(needs("too_few"), needs("samples_per_class"))}}};
}

void check_optimizer(DocumentReader& reader, const JsonAt& at, OptimizerConfig& optimizer) {
  if (optimizer.nesterov && says_nothing(at, "momentum")) {
    reader.fail(at.at("nesterov"), "needs a \"momentum\" above 0");
  }
}

void check_stage(DocumentReader& reader, const JsonAt& at, StageConfig& stage) {
  if (at.has("epochs") && at.has("steps")) {
    reader.fail(at.at("steps"), "stands beside \"epochs\"; give one of them");
  }
  if (!at.has("epochs") && !at.has("steps")) reader.fail(at, "\"epochs\" or \"steps\" is missing");
  if (stage.strategy == nullptr) return;
  const auto require = [&](const char* key, const std::string& what) {
    if (at.has(key)) return;
    reader.fail(at,
                in_quotes(key) + " is missing: " + what + " that " + in_quotes(stage.strategy->name) + " trains with");
  };
  if (stage.strategy->reads("spec")) require("spec", "the consistency loss");
  if (!stage.strategy->takes_unlabelled()) return;
  require("data", "the pictures without labels");
  require("strong", "the changes of these pictures");
}

Json stage_rules(const std::vector<Key<StageConfig>>& keys) {
  Json rules = {{"oneOf", {needs("epochs"), needs("steps")}}, {"allOf", Json::array()}};
  for (const Key<StageConfig>& key : keys) {
    if (!key.otherwise) continue;
    Json names = Json::array();
    for (const Strategy* strategy : strategies::all()) {
      if (strategy->reads(key.name)) names.push_back(strategy->name);
    }
    const Json strategy = {{"enum", names}};
    rules["allOf"].push_back(if_then(needs(key.name), {{"properties", {{"strategy", strategy}}}}));
    if (key.name == "spec") rules["allOf"].push_back(if_then(has("strategy", strategy), needs("spec")));
    if (key.name == "strong") {
      rules["allOf"].push_back(if_then(has("strategy", strategy), {{"required", {"data", "strong"}}}));
    }
  }
  return rules;
}

void check_train(DocumentReader& reader, const JsonAt& root, TrainConfig& config) {
  finish_stages(reader, root.at("stages"), config);
  check_monitors(reader, root.at("monitors"), config.monitors);
  check_select(reader, root, config);
}

}  // namespace attune
