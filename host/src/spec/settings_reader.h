// Reads objects whose keys are declared as settings (train_settings.h).
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "spec/document_reader.h"
#include "spec/train_settings.h"

namespace attune {

// What an object says; where it says nothing, the defaults.
struct Read {
  Parameters values;
  std::set<std::string> given;

  bool has(const std::string& name) const { return given.count(name) != 0; }
};

class SettingsReader {
 public:
  using Keys = std::vector<DocumentReader::Key>;

  explicit SettingsReader(const JsonDocument& document) : reader_(document) {}

  std::vector<SpecFault> take_faults() { return reader_.take_faults(); }

 protected:
  // `others` are keys that are no settings; they are read after them.
  Read settings(const JsonAt& at, const Settings& declared, const Keys& others = {});
  // One of `parts`, by its index, and its parameters: {"use": name, ...} or the name alone. Nothing, with a fault, for
  // anything else.
  std::optional<std::pair<size_t, Parameters>> part(const JsonAt& at, const PartDeclarations& parts);

  void for_each(const JsonAt& list, const std::function<void(const JsonAt&)>& read);
  std::vector<std::string> texts(const JsonAt& list);

  // A fault of the value of `key`, or of the object where it has none.
  void fail_at(const JsonAt& object, const std::string& key, const std::string& message);
  // A fault of each of these keys that is there.
  void refuse(const JsonAt& object, const std::vector<std::string>& keys, const std::string& why);

  DocumentReader reader_;

 private:
  using Given = std::map<std::string, ParameterValue>;

  // Into `given`, or a fault.
  void read(const JsonAt& at, const Setting& setting, Given& given);
  // False, with faults, for a list that holds something wrong.
  bool items_are_good(const JsonAt& at, const Setting& setting);
  Parameters parameters(const JsonAt& at, const PartDeclaration& part);
};

}  // namespace attune
