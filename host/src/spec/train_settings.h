// The settings of training configs, declared once: for the reader, the JSON Schema and messages.
#pragma once

#include <string>
#include <vector>

#include <attune/sdk/parameters.h>

namespace attune {

struct Setting {
  ParameterDeclaration declared;
  bool required = false;
};
using Settings = std::vector<Setting>;

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

const PartDeclarations& augmentations();
const PartDeclarations& optimizers();
const PartDeclarations& schedules();

// In the order of the enumerations of train_config.h.
const std::vector<std::string>& format_names();
const std::vector<std::string>& task_names();
const std::vector<std::string>& on_broken_names();
const std::vector<std::string>& strategy_names();
const std::vector<std::string>& objective_names();
const std::vector<std::string>& select_names();
std::vector<std::string> names_of(const PartDeclarations& parts);

}  // namespace attune
