// A config's text -> a TrainConfig whose every name and value is known to be good.

#include "spec/train_config.h"

#include <algorithm>
#include <set>

#include "spec/rules.h"
#include "spec/train_data_reader.h"
#include "spec/train_parts.h"

namespace attune {
namespace {

namespace fs = std::filesystem;
using Kind = JsonNode::Kind;

// Not given, or given as "" or 0.
bool says_nothing(const JsonNode* node) {
  if (node == nullptr || (node->kind == Kind::string && node->text.empty())) return true;
  return (node->kind == Kind::integer || node->kind == Kind::real) && node->real == 0;
}

// As device_pattern says it for schemas.
bool is_device(const std::string& text) {
  const std::string cuda = "cuda:";
  if (text == "cpu" || text == "cuda") return true;
  return text.compare(0, cuda.size(), cuda) == 0 && text.size() > cuda.size() && text.size() <= cuda.size() + 2 &&
         text.find_first_not_of("0123456789", cuda.size()) == std::string::npos;
}

class TrainConfigReader : private TrainDataReader {
 public:
  TrainConfigReader(const JsonDocument& document, fs::path folder, const TrainContext& context)
      : TrainDataReader(document, std::move(folder)), context_(context) {}

  TrainConfig read(const JsonAt& root) {
    const Read run = settings(
        root, run_settings(),
        {{"$schema", [&](const JsonAt& at) { reader_.text(at); }},
         {"version", [&](const JsonAt& at) { read_version(at); }, true},
         {"head", [&](const JsonAt& at) { config_.head = head(at); }},
         {"data", [&](const JsonAt& at) { config_.data = data(at, /*own=*/false); }, true},
         {"input", [&](const JsonAt& at) { config_.input = input(at); }},
         {"augment", [&](const JsonAt& at) { config_.augment = augment(at); }},
         {"evaluate", [&](const JsonAt& at) { config_.evaluate = evaluate(at); }},
         {"monitors", [&](const JsonAt& at) { for_each(at, [&](const JsonAt& item) { read_monitor(item); }); }},
         {"stages", [&](const JsonAt& at) { for_each(at, [&](const JsonAt& item) { read_stage(item); }); }}});
    config_.description = run.values.string("description");
    config_.model = path(run.values.string("model"));
    config_.select = run.values.string("select");
    config_.seed = static_cast<uint64_t>(run.values.integer("seed"));
    config_.threads = static_cast<int>(run.values.integer("threads"));
    config_.device = run.values.string("device");
    config_.checkpoint_seconds = run.values.real("checkpoint_seconds");
    config_.output = path(run.values.string("output"));
    check_run(root, run);
    return std::move(config_);
  }

  using TrainDataReader::take_faults;

 private:
  void read_version(const JsonAt& at) {
    if (at.node.kind == Kind::integer && at.node.integer == 1) return;
    reader_.fail(at, "must be 1, the version of configs that this attune reads, not " + shown(at.node));
  }

  std::optional<NamedSpec> spec(const JsonAt& at) {
    const auto text = reader_.text(at);
    if (!text) return std::nullopt;
    try {
      std::error_code error;
      const bool is_file = fs::is_regular_file(path(*text), error) || text->find('/') != std::string::npos;
      const fs::path file =
          is_file ? path(*text) : fs::absolute(context_.shipped_spec(shortened(*text))).lexically_normal();
      return NamedSpec{file.stem().string(), file, read_spec(file, context_.catalogue)};
    } catch (const SpecError& error) {
      reader_.fail(at, "names a faulty spec: " + first_of(error));
    } catch (const Error& error) {
      reader_.fail(at, error.what());
    }
    return std::nullopt;
  }

  static std::string first_of(const SpecError& error) {
    const std::string all = error.what();
    const std::string first = all.substr(0, all.find('\n'));
    const size_t others = error.faults().size() - 1;
    if (others == 0) return first;
    const std::string count = (error.has_more() ? "over " : "") + std::to_string(others);
    return first + " (and " + count + " more; see `attune validate`)";
  }

  HeadConfig head(const JsonAt& at) {
    HeadConfig head;
    const auto classes = [&](const JsonAt& value) {
      if (value.node.kind == Kind::string && value.node.text == "from_data") return;
      const bool is_count = value.node.kind == Kind::integer && value.node.integer > 0;
      if (!is_count)
        return reader_.fail(value, "must be \"from_data\" or a number of classes, not " + shown(value.node));
      head.classes = value.node.integer;
    };
    const auto layer = [&](const JsonAt& value) {
      head.layer = reader_.text(value).value_or("?");
      if (head.layer.empty()) reader_.fail(value, "must not be empty");
    };
    reader_.object(at, {{"layer", layer, true}, {"classes", classes}});
    return head;
  }

  OptimizerConfig optimizer(const JsonAt& at) {
    const auto found = part(at, optimizers());
    if (!found) return {};
    const OptimizerConfig config = optimizer_config(found->first, found->second);
    if (config.nesterov && says_nothing(at.node.find("momentum"))) {
      fail_at(at, "nesterov", "needs a \"momentum\" above 0");
    }
    return config;
  }

  ScheduleConfig schedule(const JsonAt& at) {
    const auto found = part(at, schedules());
    return found ? schedule_config(found->first, found->second) : ScheduleConfig();
  }

  EvaluateConfig evaluate(const JsonAt& at) {
    const Read read = settings(at, evaluate_settings());
    EvaluateConfig config;
    config.bootstrap = read.values.integer("bootstrap");
    if (read.has("maps")) config.maps = spec({*at.node.find("maps"), pointer_to(at.pointer, "maps")});
    return config;
  }

  void read_monitor(const JsonAt& at) {
    if (at.node.kind != Kind::object && at.node.kind != Kind::string) {
      return reader_.fail(at, "must be a spec or an object {\"spec\": ...}, not " + shown(at.node));
    }
    std::optional<NamedSpec> monitor;
    std::optional<std::string> name;
    if (at.node.kind == Kind::object) {
      reader_.object(at, {{"name", [&](const JsonAt& value) { name = reader_.text(value); }},
                          {"spec", [&](const JsonAt& value) { monitor = spec(value); }, true}});
    } else {
      monitor = spec(at);
    }
    if (monitor && at.node.find("name") == nullptr) name = monitor->name;
    if (name) check_name(at, *name, "monitor", monitor_names_);
    if (!monitor || !name) return;
    monitor->name = *name;
    config_.monitors.push_back(std::move(*monitor));
  }

  void check_name(const JsonAt& at, const std::string& name, const std::string& of, std::set<std::string>& seen) {
    if (!reader_.is_name(name)) fail_at(at, "name", reader_.no_name(name, of));
    if (!seen.insert(name).second) fail_at(at, "name", "two " + of + "s are called " + in_quotes(name));
  }

  void read_stage(const JsonAt& at) {
    if (!reader_.is_object(at)) return;
    StageConfig stage;
    stage.loss = config_.data.task == Task::single_label ? Objective::cross_entropy : Objective::bce;
    const Read read = settings(
        at, stage_settings(),
        {{"optimizer", [&](const JsonAt& value) { stage.optimizer = optimizer(value); }},
         {"consistency_optimizer", [&](const JsonAt& value) { stage.consistency_optimizer = optimizer(value); }},
         {"schedule", [&](const JsonAt& value) { stage.schedule = schedule(value); }},
         {"freeze", [&](const JsonAt& value) { stage.freeze = texts(value); }},
         {"unfreeze", [&](const JsonAt& value) { stage.unfreeze = texts(value); }},
         {"data", [&](const JsonAt& value) { stage.data = data(value, /*own=*/true); }},
         {"augment", [&](const JsonAt& value) { stage.augment = augment(value); }}});
    stage.strategy = &strategies::named(read.values.string("strategy"));
    if (!stage.strategy->reads("loss") && !config_.stages.empty()) stage.loss = config_.stages.back().loss;
    if (read.has("loss")) stage.loss = chosen<Objective>(read.values, "loss", objective_names());
    if (read.has("spec")) stage.spec = spec({*at.node.find("spec"), pointer_to(at.pointer, "spec")});
    stage.alpha = read.values.real("alpha");
    if (read.has("epochs")) stage.epochs = read.values.integer("epochs");
    if (read.has("steps")) stage.steps = read.values.integer("steps");
    stage.batch = read.values.integer("batch");
    stage.clip = read.values.real("clip");
    stage.freeze_statistics = read.values.boolean("freeze_statistics");
    stage.name = std::to_string(config_.stages.size() + 1) + "_" + stage.strategy->name;
    if (read.has("name")) stage.name = read.values.string("name");
    check_stage(at, read, stage);
    config_.stages.push_back(std::move(stage));
  }

  void check_stage(const JsonAt& at, const Read& read, const StageConfig& stage) {
    check_name(at, stage.name, "stage", stage_names_);
    const bool has_epochs = at.node.find("epochs") != nullptr, has_steps = at.node.find("steps") != nullptr;
    if (has_epochs && has_steps) fail_at(at, "steps", "stands beside \"epochs\"; give one of them");
    if (!has_epochs && !has_steps) reader_.fail(at, "\"epochs\" or \"steps\" is missing");
    if (!read.has("strategy")) return;
    const std::string strategy = stage.strategy->name;
    for (const StageKey& known : stage_keys()) {
      if (stage.strategy->reads(known.key)) continue;
      refuse(at, {known.key}, in_quotes(strategy) + " " + known.otherwise);
    }
    if (stage.strategy->reads("spec") && at.node.find("spec") == nullptr) {
      reader_.fail(at, "\"spec\" is missing: the consistency loss that " + in_quotes(strategy) + " trains with");
    }
  }

  void check_run(const JsonAt& root, const Read& run) {
    const std::string& given = run.values.string("device");
    if (!is_device(given)) {
      fail_at(root, "device", "must be \"cpu\", \"cuda\" or \"cuda:INDEX\", not " + in_quotes(given));
    }
    const bool is_known = run.has("select") || root.node.find("select") == nullptr;
    if (is_known && selecting_metric(config_.select) != nullptr && !config_.stages.empty()) check_select(root);
  }

  void check_select(const JsonAt& root) {
    const JsonNode* data = root.node.find("data");
    if (data != nullptr && data->kind == Kind::object && says_nothing(data->find("validate")) &&
        says_nothing(data->find("hold_out"))) {
      reader_.fail({*data, "/data"},
                   "there is no validation part to select a model on; give \"validate\" or \"hold_out\", or "
                   "\"select\": \"last\"");
    }
    const JsonNode* evaluate = root.node.find("evaluate");
    const bool has_maps = evaluate != nullptr && evaluate->find("maps") != nullptr;
    if (selecting_metric(config_.select)->needs_spec && !has_maps) {
      fail_at(root, "select", in_quotes(config_.select) + " needs a spec as \"maps\" of \"evaluate\"");
    }
  }

  const TrainContext& context_;
  TrainConfig config_;
  std::set<std::string> stage_names_;
  std::set<std::string> monitor_names_;
};

}  // namespace

TrainConfig parse_train_config(const std::string& text, const std::string& name, const fs::path& folder,
                               const TrainContext& context) {
  const JsonDocument document = parse_json(text);
  TrainConfigReader reader(document, folder, context);
  TrainConfig config;
  try {
    if (document.complete) config = reader.read({document.root, ""});
  } catch (const TooManyFaults&) {
    // What was found until then is told.
  }
  auto faults = reader.take_faults();
  if (!faults.empty()) throw SpecError(name, std::move(faults));
  return config;
}

TrainConfig read_train_config(const fs::path& file, const TrainContext& context) {
  TrainConfig config = parse_train_config(read_document(file, "config"), file.string(), file.parent_path(), context);
  config.file = file;
  return config;
}

std::string to_string(DataConfig::Format format) { return format_names()[static_cast<size_t>(format)]; }
std::string to_string(Task task) { return task_names()[static_cast<size_t>(task)]; }
std::string to_string(Objective loss) { return objective_names()[static_cast<size_t>(loss)]; }

}  // namespace attune
