// The keys of training configs.
#pragma once

#include "config/table.h"
#include "config/train_config.h"

#pragma GCC visibility push(hidden)  // what stays inside of the library
namespace attune {

// Each key once: for reading, writing, the JSON Schema and the documentation. Specs are read with `context`, which may
// be null for all else.
Table<TrainConfig> train_table(const TrainContext* context);

Form<Augmentation> augmentation_form();
Form<OptimizerConfig> optimizer_form();
Form<ScheduleConfig> schedule_form();

// Of sidecars too, which may say them in other forms.
std::vector<Key<PreprocessText>> preprocess_keys(const Form<std::array<int64_t, 2>>& size,
                                                 const Form<std::vector<double>>& mean,
                                                 const Form<std::vector<double>>& deviation);

// What one key alone cannot say: how they go together. Their JSON Schema is as strong as such a schema can be.
void check_data(DocumentReader& reader, const JsonAt& at, DataConfig& data, bool own);
Json data_rules();
void check_optimizer(DocumentReader& reader, const JsonAt& at, OptimizerConfig& optimizer);
void check_stage(DocumentReader& reader, const JsonAt& at, StageConfig& stage);
Json stage_rules(const std::vector<Key<StageConfig>>& keys);
// Gives stages the names and losses that they do not say, too.
void check_train(DocumentReader& reader, const JsonAt& root, TrainConfig& config);

constexpr double largest = 1e6;  // of what is multiplied with floats, far from where they end

inline const Words<DataFormat> format_words = {{"voc", DataFormat::voc},
                                               {"class_folders", DataFormat::folders},
                                               {"csv", DataFormat::csv},
                                               {"images", DataFormat::images}};

}  // namespace attune
#pragma GCC visibility pop
