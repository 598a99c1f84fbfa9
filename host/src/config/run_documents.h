// What training, evaluation and their runs write down.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "metrics/evaluation.h"

namespace attune {

// What a model is worth on one part of the data:
// {"samples", "metrics": {name: {"value", "low", "high"}}, "classes": [{"name", "count", <name>: {"value"..}...}],
// "maps", "terms": likewise}; "p" beside "high" where there is one, null for what is not defined. Lists without entries
// are left out.
nlohmann::ordered_json evaluation_json(const Evaluation& evaluation);

// The other way round, of a document that this program has written.
Evaluation evaluation_of(const nlohmann::ordered_json& json);

// Names and numbers, in their order; what is not finite is written as null.
using NamedNumbers = std::vector<std::pair<std::string, double>>;

// A step, or with step == 0 what an epoch came to.
struct LogRow {
  std::string stage;
  int64_t epoch = 0;  // from 1; 0: before the stage
  int64_t step = 0;   // of the stage, from 1
  NamedNumbers numbers;
};

// One line of log.jsonl: {"stage": "1_supervised", "epoch": 1, "step": 3, "loss": 0.7, ...}
std::string json_line(const LogRow& row);

// Hashes of what a run reads beside its config, by a JSON pointer: ("/data/train", "12 examples, sha1 1f0e...").
using RunInputs = std::vector<std::pair<std::string, std::string>>;

std::string inputs_document(const RunInputs& inputs);
// Those that such a document has otherwise, a line each: "/model was ... and is ... now".
std::vector<std::string> changed_inputs(const std::string& document, const RunInputs& now);

// What a stage has come to.
struct StageResult {
  std::string name;
  std::string strategy;
  std::string model;  // file, relative to the run
  int64_t epoch = 0;  // of the selected model
  int64_t epochs = 0;
  int64_t steps = 0;
  std::vector<std::pair<std::string, Evaluation>> splits;  // "validate", "test"
};

std::string stage_results(const StageResult& result);

// A run's, from the documents of its stages; `problems` are files that were left out, and why.
std::string run_results(const std::string& select, const std::vector<std::string>& stages,
                        const std::vector<std::pair<std::string, std::string>>& problems);

}  // namespace attune
