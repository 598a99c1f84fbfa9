#include "spec/train_data_reader.h"

#include <set>

#include "spec/rules.h"
#include "spec/train_parts.h"

namespace attune {

namespace fs = std::filesystem;

fs::path TrainDataReader::path(const std::string& text) const {
  return text.empty() ? fs::path() : fs::absolute(folder_ / text).lexically_normal();
}

DataConfig TrainDataReader::data(const JsonAt& at, bool own) {
  DataConfig data;
  const Read read =
      settings(at, data_settings(), {{"classes", [&](const JsonAt& value) { data.classes = classes(value); }}});
  data.format = chosen<DataConfig::Format>(read.values, "format", format_names());
  data.root = path(read.values.string("root"));
  data.clips = read.values.boolean("clips");
  data.train = read.values.string("train");
  data.validate = read.values.string("validate");
  data.test = read.values.string("test");
  data.hold_out = read.values.real("hold_out");
  if (read.has("samples_per_class")) data.samples_per_class = read.values.integer("samples_per_class");
  data.too_few = chosen<DataConfig::TooFew>(read.values, "too_few", too_few_names());
  const bool is_single = read.has("task") ? read.values.string("task") == "single_label"
                                          : data.format == DataConfig::Format::class_folders;
  data.task = is_single ? Task::single_label : Task::multi_label;
  data.on_broken = chosen<OnBroken>(read.values, "on_broken", on_broken_names());
  check_data(at, read, data, own);
  return data;
}

std::vector<std::string> TrainDataReader::classes(const JsonAt& at) {
  std::vector<std::string> classes;
  std::set<std::string> seen;
  for_each(at, [&](const JsonAt& item) {
    const auto name = reader_.text(item);
    if (name && !seen.insert(*name).second) reader_.fail(item, "class " + in_quotes(*name) + " stands twice");
    classes.push_back(name.value_or(""));
  });
  return classes;
}

void TrainDataReader::check_data(const JsonAt& at, const Read& read, const DataConfig& data, bool own) {
  if (read.has("format")) check_format(at, data, own);
  if (own) return refuse(at, label_keys(), "a stage's own data is trained on, without labels");
  if (!data.validate.empty() && data.hold_out > 0) {
    fail_at(at, "hold_out", "means nothing beside \"validate\", which names the validation part");
  }
  if (at.node.find("samples_per_class") == nullptr) {
    refuse(at, {"too_few"}, "\"samples_per_class\" is not given");
  }
}

void TrainDataReader::check_format(const JsonAt& at, const DataConfig& data, bool own) {
  const bool is_voc = data.format == DataConfig::Format::voc;
  if (is_voc || data.format == DataConfig::Format::csv) {
    const std::string list = is_voc ? "a list in ImageSets/Main" : "a list in the root";
    const JsonNode* train = at.node.find("train");
    if (train == nullptr) reader_.fail(at, "\"train\" is missing: " + list);
    if (train != nullptr && train->kind == JsonNode::Kind::string && train->text.empty())
      fail_at(at, "train", "must name " + list);
  }
  if (is_voc && data.clips) fail_at(at, "clips", "\"voc\" has pictures, not videos");
  if (data.format == DataConfig::Format::images && !own) {
    fail_at(at, "format", "\"images\" has no labels; it serves as \"data\" of a stage that finetunes");
  }
}

InputConfig TrainDataReader::input(const JsonAt& at) {
  const Read read = settings(at, input_settings());
  InputConfig input;
  if (read.has("size")) {
    const std::vector<double>& size = read.values.list("size");
    input.preprocess.size = {static_cast<int64_t>(size[0]), static_cast<int64_t>(size[1])};
  }
  if (read.has("mean")) input.preprocess.mean = read.values.list("mean");
  if (read.has("std")) input.preprocess.std = read.values.list("std");
  if (read.has("crop")) input.preprocess.crop = read.values.boolean("crop");
  if (read.has("frames")) input.frames = read.values.integer("frames");
  if (read.has("frames_per_second")) input.frames_per_second = read.values.real("frames_per_second");
  return input;
}

std::vector<AugmentConfig> TrainDataReader::augment(const JsonAt& at) {
  std::vector<AugmentConfig> all;
  const bool is_empty = at.node.kind == JsonNode::Kind::array && at.node.items.empty();  // a stage may do without
  if (!is_empty) {
    for_each(at, [&](const JsonAt& item) {
      if (const auto found = part(item, augmentations())) all.push_back(augment_config(found->first, found->second));
    });
  }
  return all;
}

}  // namespace attune
