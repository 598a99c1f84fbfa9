// What the tests of `attune train` share.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "support.h"
#include "unit/train/support.h"

namespace attune::test {

using TensorsByName = std::map<std::string, at::Tensor>;

// Parameters and buffers of a TorchScript file.
TensorsByName tensors_of(const fs::path& model);
bool are_same(const TensorsByName& a, const TensorsByName& b);

// model.pt, data/ and spec.json as for the unit tests, and a config for them.
class Train : public CommandLine {
 protected:
  Train() { write_training_files(folder_); }

  // config.json; `stages` and `more` are JSON.
  void configure(const std::string& stages, const std::string& output = "run", const std::string& more = "") const {
    write("config.json", training_config(stages, output, more));
  }

  // `attune train config.json --threads 1`, and the same that must not succeed. What it tells of epochs is left out.
  Outcome train(const std::vector<std::string>& more = {}) const { return without_epochs(run(arguments(more))); }
  std::string refused(int code, const std::vector<std::string>& more = {}) const { return sentence(train(more), code); }
  static Outcome without_epochs(Outcome outcome) {
    outcome.err = test::without_epochs(outcome.err);
    return outcome;
  }
  void expect_trained(const std::vector<std::string>& more = {}) const {
    const Outcome outcome = train(more);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(outcome.err, "");
  }

  static std::vector<std::string> arguments(const std::vector<std::string>& more = {}) {
    std::vector<std::string> all{"train", "config.json", "--threads", "1"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  static std::string model_of(const std::string& stage, const std::string& output = "run") {
    return output + "/stages/" + stage + "/model.pt";
  }
  TensorsByName state_of(const std::string& stage, const std::string& output = "run") const {
    return tensors_of(folder_ / model_of(stage, output));
  }

  // A column of a stage in log.csv, of every epoch that has it; the first is from before the stage.
  std::vector<double> column(const std::string& stage, const std::string& name,
                             const std::string& output = "run") const;
  // Both runs have written the same, but for config.json and checkpoint.pt.
  void expect_same_results(const std::string& output, const std::string& other) const;
};

}  // namespace attune::test
