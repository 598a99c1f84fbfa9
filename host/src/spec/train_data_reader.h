// Reads the parts of a config that say what a model is fed with.
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "spec/settings_reader.h"
#include "spec/train_config.h"

namespace attune {

class TrainDataReader : public SettingsReader {
 public:
  // Paths are relative to `folder`.
  TrainDataReader(const JsonDocument& document, std::filesystem::path folder)
      : SettingsReader(document), folder_(std::move(folder)) {}

 protected:
  // Absolute; "" stays as it is.
  std::filesystem::path path(const std::string& text) const;
  // `own`: of a stage that reads no labels.
  DataConfig data(const JsonAt& at, bool own);
  InputConfig input(const JsonAt& at);
  std::vector<AugmentConfig> augment(const JsonAt& at);

 private:
  std::vector<std::string> classes(const JsonAt& at);
  void check_data(const JsonAt& at, const Read& read, const DataConfig& data, bool own);
  void check_format(const JsonAt& at, const DataConfig& data, bool own);

  std::filesystem::path folder_;
};

// The value of an enumeration whose names are in its order.
template <class Enumeration>
Enumeration chosen(const Parameters& values, const std::string& name, const std::vector<std::string>& names) {
  const auto found = std::find(names.begin(), names.end(), values.string(name));
  return static_cast<Enumeration>(found - names.begin());
}

}  // namespace attune
