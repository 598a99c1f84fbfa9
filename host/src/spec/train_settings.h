// The settings of training configs, declared once: for the reader, the JSON Schema and messages.
#pragma once

#include <string>
#include <vector>

#include <attune/sdk/parameters.h>

namespace attune {

struct Setting {
  ParameterDeclaration declared;
  bool required = false;  // and not ""
  size_t length = 0;      // of a list, and what it holds
  ParameterType items = ParameterType::real;
  bool or_one = false;  // a list of one is fine too
};
using Settings = std::vector<Setting>;

// A key of a stage that only some strategies read.
struct StageKey {
  std::string key;
  std::vector<std::string> strategies;
  std::string otherwise;  // why it means nothing to the others
};

// One of several things with parameters of its own: {"use": name, parameters...}, or its name alone.
struct PartDeclaration {
  std::string name;
  std::string help;
  std::vector<ParameterDeclaration> parameters;
};
using PartDeclarations = std::vector<PartDeclaration>;

const Settings& run_settings();  // the config itself, beside its objects and lists
const Settings& data_settings();
const Settings& input_settings();
const Settings& stage_settings();
const Settings& evaluate_settings();

const std::vector<StageKey>& stage_keys();
// Keys of data that mean nothing where no labels are read.
const std::vector<std::string>& label_keys();
inline const char* const device_pattern = "^(cpu|cuda(:[0-9]{1,2})?)$";

const PartDeclarations& augmentations();
const PartDeclarations& optimizers();
const PartDeclarations& schedules();

// In the order of the enumerations of train_config.h.
const std::vector<std::string>& format_names();
const std::vector<std::string>& task_names();
const std::vector<std::string>& on_broken_names();
const std::vector<std::string>& too_few_names();
const std::vector<std::string>& objective_names();
std::vector<std::string> names_of(const PartDeclarations& parts);

}  // namespace attune
