#include "train_support.h"

#include <algorithm>
#include <sstream>
#include <torch/csrc/jit/serialization/import.h>

namespace attune::test {

TensorsByName tensors_of(const fs::path& model) {
  const torch::jit::Module module = torch::jit::load(model.string());
  TensorsByName tensors;
  for (const auto& parameter : module.named_parameters()) tensors[parameter.name] = parameter.value.detach();
  for (const auto& buffer : module.named_buffers()) tensors[buffer.name] = buffer.value;
  return tensors;
}

bool are_same(const TensorsByName& a, const TensorsByName& b) {
  return a.size() == b.size() && std::all_of(a.begin(), a.end(), [&](const auto& entry) {
           const auto found = b.find(entry.first);
           return found != b.end() && at::equal(entry.second, found->second);
         });
}

std::vector<double> Train::column(const std::string& stage, const std::string& name, const std::string& output) const {
  const auto fields_of = [](const std::string& line) {
    std::istringstream stream(line);
    std::vector<std::string> fields;
    for (std::string field; std::getline(stream, field, ',');) fields.push_back(field);
    return fields;
  };
  std::istringstream lines(read(output + "/log.csv"));
  std::string line;
  std::getline(lines, line);
  const std::vector<std::string> names = fields_of(line);
  const auto index = static_cast<size_t>(std::find(names.begin(), names.end(), name) - names.begin());
  EXPECT_LT(index, names.size()) << "there is no column " << name;
  std::vector<double> values;
  while (std::getline(lines, line)) {
    const std::vector<std::string> fields = fields_of(line);
    if (fields[0] == stage && index < fields.size() && !fields[index].empty())
      values.push_back(std::stod(fields[index]));
  }
  return values;
}

void Train::expect_same_results(const std::string& output, const std::string& other) const {
  EXPECT_EQ(files(output), files(other));
  for (const std::string& name : files(output)) {
    if (name == "config.json" || name == "checkpoint.pt") continue;
    EXPECT_TRUE(read(output + "/" + name) == read(other + "/" + name)) << name << " differs";
  }
}

}  // namespace attune::test
