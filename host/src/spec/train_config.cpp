// A config's text -> a TrainConfig whose every name and value is known to be good.

#include "spec/train_config.h"

#include <algorithm>
#include <map>
#include <set>

#include "spec/settings_reader.h"

namespace attune {
namespace {

namespace fs = std::filesystem;
using Kind = JsonNode::Kind;

template <class Enumeration>
Enumeration chosen(const Parameters& values, const std::string& name, const std::vector<std::string>& names) {
  const auto found = std::find(names.begin(), names.end(), values.string(name));
  return static_cast<Enumeration>(found - names.begin());
}

class TrainConfigReader : private SettingsReader {
 public:
  TrainConfigReader(const JsonDocument& document, fs::path folder, const TrainContext& context)
      : SettingsReader(document), folder_(std::move(folder)), context_(context) {}

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
    config_.select = chosen<Select>(run.values, "select", select_names());
    config_.seed = static_cast<uint64_t>(run.values.integer("seed"));
    config_.threads = static_cast<int>(run.values.integer("threads"));
    config_.device = run.values.string("device");
    config_.checkpoint_seconds = run.values.real("checkpoint_seconds");
    config_.output = path(run.values.string("output"));
    check_select(root);
    return std::move(config_);
  }

  using SettingsReader::take_faults;

 private:
  fs::path path(const std::string& text) const {
    return text.empty() ? fs::path() : fs::absolute(folder_ / text).lexically_normal();
  }

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
      const fs::path file = is_file ? path(*text) : fs::absolute(context_.shipped_spec(*text)).lexically_normal();
      return NamedSpec{file.stem().string(), file, read_spec(file, context_.catalogue)};
    } catch (const SpecError& error) {
      const std::string all = error.what();
      const size_t others = error.faults().size() - 1;
      reader_.fail(at, "names a faulty spec: " + all.substr(0, all.find('\n')) +
                           (others == 0 ? "" : " (and " + std::to_string(others) + " more; see `attune validate`)"));
    } catch (const Error& error) {
      reader_.fail(at, error.what());
    }
    return std::nullopt;
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
    reader_.object(at, {{"layer", [&](const JsonAt& value) { head.layer = reader_.text(value).value_or(""); }, true},
                        {"classes", classes}});
    return head;
  }

  // `own`: of a stage that reads no labels.
  DataConfig data(const JsonAt& at, bool own) {
    DataConfig data;
    const Read read =
        settings(at, data_settings(), {{"classes", [&](const JsonAt& value) { data.classes = classes(value); }}});
    data.format = chosen<DataConfig::Format>(read.values, "format", format_names());
    data.root = path(read.values.string("root"));
    data.clips = read.values.boolean("clips");
    data.train = read.values.string("train");
    data.validate = read.values.string("validate");
    data.test = read.values.string("test");
    data.hold_out = read.values.real("hold_out");
    if (read.has("samples_per_class")) data.samples_per_class = read.values.integer("samples_per_class");
    const bool is_single = read.has("task") ? read.values.string("task") == "single_label"
                                            : data.format == DataConfig::Format::class_folders;
    data.task = is_single ? Task::single_label : Task::multi_label;
    data.on_broken = chosen<OnBroken>(read.values, "on_broken", on_broken_names());
    check_data(at, read, data, own);
    return data;
  }

  std::vector<std::string> classes(const JsonAt& at) {
    const std::vector<std::string> all = texts(at);
    std::set<std::string> seen;
    for (size_t i = 0; i < all.size(); ++i) {
      if (!seen.insert(all[i]).second) reader_.fail(at.item(i), "class " + in_quotes(all[i]) + " stands twice");
    }
    return all;
  }

  void check_data(const JsonAt& at, const Read& read, const DataConfig& data, bool own) {
    if (!read.has("format") || !read.has("root")) return;
    const bool is_list = data.format == DataConfig::Format::voc || data.format == DataConfig::Format::csv;
    if (is_list && data.train.empty()) {
      reader_.fail(at,
                   std::string("\"train\" is missing: ") +
                       (data.format == DataConfig::Format::voc ? "a list in ImageSets/Main" : "a list in the root"));
    }
    if (own) {
      refuse(at, {"validate", "test", "hold_out", "task", "samples_per_class"},
             "a stage's own data is trained on, without labels");
    } else if (data.format == DataConfig::Format::images) {
      fail_at(at, "format", "\"images\" has no labels; it serves as \"data\" of a stage that finetunes");
    }
    if (data.format == DataConfig::Format::voc && data.clips) fail_at(at, "clips", "\"voc\" has pictures, not videos");
    if (!data.validate.empty() && data.hold_out > 0) {
      fail_at(at, "hold_out", "means nothing beside \"validate\", which names the validation part");
    }
  }

  InputConfig input(const JsonAt& at) {
    const Read read = settings(at, input_settings());
    InputConfig input;
    const auto numbers = [&](const char* name, size_t count) -> std::optional<std::vector<double>> {
      if (!read.has(name)) return std::nullopt;
      const std::vector<double>& values = read.values.list(name);
      if (values.size() == count) return values;
      fail_at(at, name,
              "must be a list of " + std::to_string(count) + " numbers, not " + std::to_string(values.size()));
      return std::nullopt;
    };
    if (const auto size = numbers("size", 2)) {
      input.preprocess.size = {static_cast<int64_t>((*size)[0]), static_cast<int64_t>((*size)[1])};
    }
    input.preprocess.mean = numbers("mean", 3);
    input.preprocess.std = numbers("std", 3);
    if (read.has("crop")) input.preprocess.crop = read.values.boolean("crop");
    if (read.has("frames")) input.frames = read.values.integer("frames");
    if (read.has("frames_per_second")) input.frames_per_second = read.values.real("frames_per_second");
    return input;
  }

  std::vector<AugmentConfig> augment(const JsonAt& at) {
    std::vector<AugmentConfig> all;
    const bool is_empty = at.node.kind == Kind::array && at.node.items.empty();  // a stage may do without
    if (!is_empty) {
      for_each(at, [&](const JsonAt& item) {
        if (const auto found = part(item, augmentations())) all.push_back(augmentation(found->first, found->second));
      });
    }
    return all;
  }

  static AugmentConfig augmentation(size_t index, const Parameters& values) {
    AugmentConfig config;
    config.kind = static_cast<AugmentConfig::Kind>(index);
    const auto take = [&](const char* name, double& value) {
      if (values.values().count(name) != 0) value = values.real(name);
    };
    take("degrees", config.degrees);
    take("horizontal", config.horizontal);
    take("vertical", config.vertical);
    take("share", config.share);
    take("brightness", config.brightness);
    take("contrast", config.contrast);
    take("saturation", config.saturation);
    take("hue", config.hue);
    return config;
  }

  OptimizerConfig optimizer(const JsonAt& at) {
    OptimizerConfig config;
    const auto found = part(at, optimizers());
    if (!found) return config;
    const Parameters& values = found->second;
    config.kind = static_cast<OptimizerConfig::Kind>(found->first);
    config.lr = values.real("lr");
    config.weight_decay = values.real("weight_decay");
    if (config.kind == OptimizerConfig::Kind::sgd) {
      config.momentum = values.real("momentum");
      config.nesterov = values.boolean("nesterov");
      if (config.nesterov && config.momentum == 0) fail_at(at, "nesterov", "needs a \"momentum\" above 0");
    } else {
      config.beta1 = values.real("beta1");
      config.beta2 = values.real("beta2");
      config.epsilon = values.real("epsilon");
    }
    return config;
  }

  ScheduleConfig schedule(const JsonAt& at) {
    ScheduleConfig config;
    const auto found = part(at, schedules());
    if (!found) return config;
    const Parameters& values = found->second;
    config.kind = static_cast<ScheduleConfig::Kind>(found->first);
    config.warm_up = values.real("warm_up");
    if (config.kind == ScheduleConfig::Kind::cosine) config.floor = values.real("floor");
    if (config.kind == ScheduleConfig::Kind::step) {
      config.factor = values.real("factor");
      config.every = values.integer("every");
    }
    return config;
  }

  EvaluateConfig evaluate(const JsonAt& at) {
    const Read read = settings(at, evaluate_settings());
    EvaluateConfig config;
    config.bootstrap = read.values.integer("bootstrap");
    if (read.has("maps")) config.maps = spec({*at.node.find("maps"), pointer_to(at.pointer, "maps")});
    return config;
  }

  void read_monitor(const JsonAt& at) {
    std::optional<NamedSpec> monitor;
    std::string name;
    if (at.node.kind == Kind::object) {
      reader_.object(at, {{"name", [&](const JsonAt& value) { name = reader_.text(value).value_or(""); }},
                          {"spec", [&](const JsonAt& value) { monitor = spec(value); }, true}});
    } else {
      monitor = spec(at);
    }
    if (!monitor) return;
    if (!name.empty()) monitor->name = name;
    const auto same = [&](const NamedSpec& other) { return other.name == monitor->name; };
    if (std::any_of(config_.monitors.begin(), config_.monitors.end(), same)) {
      return reader_.fail(at, "two monitors are called " + in_quotes(monitor->name));
    }
    config_.monitors.push_back(std::move(*monitor));
  }

  void read_stage(const JsonAt& at) {
    StageConfig stage;
    stage.loss = config_.data.task == Task::single_label ? Objective::cross_entropy : Objective::bce;
    const Read read = settings(
        at, stage_settings(),
        {{"optimizer", [&](const JsonAt& value) { stage.optimizer = optimizer(value); }},
         {"consistency_optimizer", [&](const JsonAt& value) { stage.consistency_optimizer = optimizer(value); }},
         {"schedule", [&](const JsonAt& value) { stage.schedule = schedule(value); }},
         {"freeze", [&](const JsonAt& value) { stage.freeze = texts(value); }},
         {"data", [&](const JsonAt& value) { stage.data = data(value, /*own=*/true); }},
         {"augment", [&](const JsonAt& value) { stage.augment = augment(value); }}});
    stage.strategy = chosen<Strategy>(read.values, "strategy", strategy_names());
    if (read.has("loss")) stage.loss = chosen<Objective>(read.values, "loss", objective_names());
    if (read.has("spec")) stage.spec = spec({*at.node.find("spec"), pointer_to(at.pointer, "spec")});
    stage.alpha = read.values.real("alpha");
    if (read.has("epochs")) stage.epochs = read.values.integer("epochs");
    if (read.has("steps")) stage.steps = read.values.integer("steps");
    stage.batch = read.values.integer("batch");
    stage.clip = read.values.real("clip");
    stage.freeze_statistics = read.values.boolean("freeze_statistics");
    stage.name = std::to_string(config_.stages.size() + 1) + "_" + to_string(stage.strategy);
    if (read.has("name")) stage.name = read.values.string("name");
    check_stage(at, read, stage);
    config_.stages.push_back(std::move(stage));
  }

  void check_stage(const JsonAt& at, const Read& read, const StageConfig& stage) {
    if (!reader_.is_name(stage.name)) {
      fail_at(at, "name",
              in_quotes(stage.name) + " is no name for a stage, which is 1 to 64 letters, digits, \"_\" and \"-\"");
    }
    const auto same = [&](const StageConfig& other) { return other.name == stage.name; };
    if (std::any_of(config_.stages.begin(), config_.stages.end(), same)) {
      fail_at(at, "name", "two stages are called " + in_quotes(stage.name));
    }
    if (at.node.kind != Kind::object || !read.has("strategy")) return;
    const std::string strategy = to_string(stage.strategy);
    if (stage.epochs && stage.steps) fail_at(at, "steps", "stands beside \"epochs\"; give one of them");
    const bool has_length = at.node.find("epochs") != nullptr || at.node.find("steps") != nullptr;
    if (!has_length) reader_.fail(at, "\"epochs\" or \"steps\" is missing");
    if (stage.strategy == Strategy::supervised) {
      refuse(at, {"spec"}, "a supervised stage has no consistency loss");
    } else if (at.node.find("spec") == nullptr) {
      reader_.fail(at, "\"spec\" is missing: the consistency loss that " + in_quotes(strategy) + " trains with");
    }
    const bool has_both = stage.strategy == Strategy::combined || stage.strategy == Strategy::alternated;
    if (!has_both) refuse(at, {"alpha"}, in_quotes(strategy) + " has one loss only");
    if (stage.strategy != Strategy::alternated) {
      refuse(at, {"consistency_optimizer"}, in_quotes(strategy) + " has one optimizer");
    }
    if (stage.strategy == Strategy::finetune) {
      refuse(at, {"loss"}, "\"finetune\" reads no labels");
    } else {
      refuse(at, {"data"}, in_quotes(strategy) + " needs labels, and trains on the config's data");
    }
  }

  void check_select(const JsonAt& root) {
    if (root.node.kind != Kind::object || config_.select == Select::last || config_.stages.empty()) return;
    const JsonNode* given = root.node.find("data");
    if (given != nullptr && given->kind == Kind::object && given->find("validate") == nullptr &&
        given->find("hold_out") == nullptr) {
      reader_.fail({*given, "/data"},
                   "there is no validation part to select a model on; give \"validate\" or \"hold_out\", or "
                   "\"select\": \"last\"");
    }
    if (config_.select == Select::consistency && !config_.evaluate.maps) {
      fail_at(root, "select", "\"consistency\" needs a spec as \"maps\" of \"evaluate\"");
    }
  }

  fs::path folder_;
  const TrainContext& context_;
  TrainConfig config_;
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
std::string to_string(Strategy strategy) { return strategy_names()[static_cast<size_t>(strategy)]; }
std::string to_string(Objective loss) { return objective_names()[static_cast<size_t>(loss)]; }
std::string to_string(Select select) { return select_names()[static_cast<size_t>(select)]; }

}  // namespace attune
