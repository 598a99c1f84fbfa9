// Good configs: what is not said, and what a run writes down of them.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <set>

#include "configs.h"

namespace attune::test {
namespace {

namespace fs = std::filesystem;

TEST(TrainConfig, IsReadTheSameFromItsResolvedForm) {
  EXPECT_GE(good_configs().size(), 4u);
  for (const fs::path& file : good_configs()) {
    SCOPED_TRACE(file);
    const std::string resolved = resolved_config(read_train_config(file, config_context()));
    const TrainConfig again = parse_train_config(resolved, "resolved.json", "/elsewhere", config_context());
    EXPECT_EQ(resolved_config(again), resolved);
  }
}

// All keys of objects in a schema.
void add_keys(const nlohmann::json& schema, std::set<std::string>& keys) {
  if (!schema.is_structured()) return;
  if (schema.is_object() && schema.contains("properties")) {
    for (const auto& [key, member] : schema["properties"].items()) keys.insert(key);
  }
  for (const auto& member : schema) add_keys(member, keys);
}

// What it was read from must come back, and not only what it was written to.
TEST(TrainConfig, KeepsEveryKey) {
  const fs::path file = config_folder() / "good" / "everything.json";
  const std::string resolved = resolved_config(read_train_config(file, config_context()));
  std::set<std::string> keys;
  add_keys(nlohmann::json::parse(train_schema()), keys);
  EXPECT_GT(keys.size(), 50u);
  for (const std::string& key : keys) {
    const bool is_elsewhere = key == "validate" || key == "$schema";  // beside the former "hold_out" means nothing
    EXPECT_EQ(resolved.find("\"" + key + "\": ") == std::string::npos, is_elsewhere) << key;
  }
  for (const char* said :
       {"\"seed\": 9223372036854775807", "\"too_few\": \"take_all\"", "\"epsilon\": 1e-06", "\"lr\": 5e-06",
        "\"every\": 2", "\"floor\": 0.01", "\"degrees\": 15.5", "\"hue\": 0.05", "\"nesterov\": true", "\"caf\u00e9\"",
        "\"hidden\": 99", "\"threshold\": 0.875", "\"layer\": \"features.3\""}) {
    EXPECT_NE(resolved.find(said), std::string::npos) << said;
  }
}

TEST(TrainConfig, FillsInDefaults) {
  const TrainConfig config = read_train_config(config_folder() / "good" / "smallest.json", config_context());
  EXPECT_EQ(config.model, config_folder() / "good" / "model.pt");
  EXPECT_EQ(config.output, config_folder() / "good" / "run");
  EXPECT_EQ(config.data.task, Task::single_label) << "class_folders";
  EXPECT_EQ(config.data.train, "");
  EXPECT_FALSE(config.data.samples_per_class);
  EXPECT_FALSE(config.head);
  EXPECT_FALSE(config.input.frames);
  EXPECT_TRUE(config.stages.empty());
  EXPECT_EQ(config.select, "mean_average_precision");
  EXPECT_EQ(config.device, "cpu");
  EXPECT_EQ(config.checkpoint_seconds, 60);
}

TEST(TrainConfig, NamesStagesAndTakesTheirLossFromTheTask) {
  const TrainConfig config = read_train_config(config_folder() / "good" / "strategies.json", config_context());
  ASSERT_EQ(config.stages.size(), 4u);
  EXPECT_EQ(config.stages[0].name, "1_supervised");
  EXPECT_EQ(config.stages[0].loss, Objective::bce);
  EXPECT_EQ(config.stages[0].optimizer.lr, 1e-3);
  EXPECT_FALSE(config.stages[0].augment);
  EXPECT_EQ(config.stages[1].name, "2_finetune");
  EXPECT_EQ(config.stages[1].spec->file, source_dir / "docs" / "specs" / "atcon.json");
  EXPECT_EQ(config.stages[1].data->root, config_folder() / "good" / "more");
  EXPECT_EQ(config.stages[2].spec->file, config_folder() / "specs" / "smooth.json");
  EXPECT_EQ(config.stages[2].schedule.kind, ScheduleConfig::Kind::cosine);
  EXPECT_FALSE(config.stages[3].consistency_optimizer);
  EXPECT_TRUE(config.stages[3].augment && config.stages[3].augment->empty());
}

}  // namespace
}  // namespace attune::test
