#include "config/train_keys.h"

#include <limits>
#include <set>

namespace attune {
namespace {

namespace fs = std::filesystem;

constexpr double infinity = std::numeric_limits<double>::infinity();

Form<std::string> device() {
  Form<std::string> form =
      form::checked<std::string>(form::text(), [](DocumentReader& reader, const JsonAt& at, const std::string& device) {
        const std::string index = device.compare(0, 5, "cuda:") == 0 ? device.substr(5) : "";
        const bool is_index =
            !index.empty() && index.size() < 3 && index.find_first_not_of("0123456789") == std::string::npos;
        if (device == "cpu" || device == "cuda" || is_index) return;
        reader.fail(at, "must be \"cpu\", \"cuda\" or \"cuda:INDEX\", not " + in_quotes(device));
      });
  form.schema["pattern"] = "^(cpu|cuda(:[0-9]{1,2})?)$";
  return form;
}

// A file, or the name of one that ships.
Form<NamedSpec> spec(const TrainContext* context) {
  const auto read = [context](DocumentReader& reader, const JsonAt& at, NamedSpec& spec) {
    const auto text = reader.text(at);
    if (!text) return;
    try {
      std::error_code error;
      const fs::path path = reader.path(*text);
      const bool is_file = fs::is_regular_file(path, error) || text->find('/') != std::string::npos;
      const fs::path file = is_file ? path : fs::absolute(context->shipped_spec(shortened(*text))).lexically_normal();
      spec = {spec.name.empty() ? file.stem().string() : spec.name, file, read_spec(file, context->catalogue)};
    } catch (const SpecError& error) {
      const std::string all = error.what(), first = all.substr(0, all.find('\n'));
      const size_t others = error.faults().size() - 1;
      const std::string count = (error.has_more() ? "over " : "") + std::to_string(others);
      reader.fail(at, "names a faulty spec: " + first +
                          (others == 0 ? "" : " (and " + count + " more; see `attune validate`)"));
    } catch (const Error& error) {
      reader.fail(at, error.what());
    }
  };
  const auto write = [](const NamedSpec& spec) -> Json { return spec.file.string(); };
  return {read, write, {{"type", "string"}}};
}

Form<NamedSpec> monitor(const TrainContext* context) {
  const Form<NamedSpec> file = spec(context);
  const Key<NamedSpec> its_spec = {
      "spec", "A file, or the name of one that ships", file.read, file.write, file.schema, "", /*required=*/true};
  const Table<NamedSpec> table = {{key("name", &NamedSpec::name, form::name(), "Names its column"), its_spec}};
  const auto read = [file, table](DocumentReader& reader, const JsonAt& at, NamedSpec& monitor) {
    if (at.node.kind == JsonNode::Kind::object) return read_object(reader, at, table, monitor);
    if (at.node.kind == JsonNode::Kind::string) return file.read(reader, at, monitor);
    reader.fail(at, "must be a spec or an object {\"spec\": ...}, not " + shown(at.node));
  };
  const auto write = [table](const NamedSpec& monitor) { return written(table.keys, monitor); };
  return {read, write, {{"anyOf", {file.schema, object_schema(table)}}}};
}

Table<HeadConfig> head_table() {
  const auto read = [](DocumentReader& reader, const JsonAt& at, std::optional<int64_t>& classes) {
    if (at.node.kind == JsonNode::Kind::string && at.node.text == "from_data") return;
    if (at.node.integer < 1) {
      return reader.fail(at, "must be \"from_data\" or a number of classes, not " + shown(at.node));
    }
    classes = at.node.integer;
  };
  const auto write = [](const std::optional<int64_t>& classes) { return classes ? Json(*classes) : Json("from_data"); };
  const Form<std::optional<int64_t>> classes = {
      read, write, {{"anyOf", {{{"const", "from_data"}}, {{"type", "integer"}, {"minimum", 1}}}}}};
  return {{key("layer", &HeadConfig::layer, form::filled(form::text()), "A linear layer or a 1x1 convolution")
               .must_be_given(),
           key("classes", &HeadConfig::classes, classes, "As many as the data has, or the number that it must have")}};
}

Form<std::vector<std::string>> class_names() {
  using Names = std::vector<std::string>;
  Form<Names> form =
      form::checked<Names>(form::list(form::text()), [](DocumentReader& reader, const JsonAt& at, const Names& names) {
        std::set<std::string> seen;
        for (size_t i = 0; i < names.size(); ++i) {
          if (at.node.items[i].kind != JsonNode::Kind::string || seen.insert(names[i]).second) continue;
          reader.fail(at.item(i), "class " + in_quotes(names[i]) + " stands twice");
        }
      });
  form.schema["uniqueItems"] = true;
  return form;
}

// `own`: of a stage that reads no labels.
Table<DataConfig> data_table(bool own) {
  const Words<OnProblem> problem_words = {{"skip", OnProblem::skip}, {"stop", OnProblem::stop}};
  const Words<TooFew> few_words = {{"stop", TooFew::stop}, {"take_all", TooFew::take_all}};
  const Words<Task> task_words = {{"multi_label", Task::multi_label}, {"single_label", Task::single_label}};
  const auto of_labels = [own](Key<DataConfig> key) {
    if (!own) return key;
    key.schema = false;
    const auto why = [](const DataConfig&) { return "a stage's own data is trained on, without labels"; };
    return std::move(key).only([](const DataConfig&) { return false; }, why);
  };
  Key<DataConfig> format =
      key("format", &DataConfig::format, format_words,
          "voc: PASCAL VOC; class_folders: a folder of pictures or videos per class; csv: a list of paths and labels; "
          "images: a folder of pictures without labels")
          .must_be_given();
  if (!own) format.schema["not"] = {{"const", "images"}};
  Key<DataConfig> too_few = key("too_few", &DataConfig::too_few, few_words,
                                "A class with fewer than `samples_per_class` stops the run, or gives all that it has")
                                .only([](const DataConfig& data) { return data.samples_per_class.has_value(); },
                                      [](const DataConfig&) { return "\"samples_per_class\" is not given"; });
  const auto check = [own](DocumentReader& reader, const JsonAt& at, DataConfig& data) {
    check_data(reader, at, data, own);
  };
  return {
      {format, key("root", &DataConfig::root, form::filled(form::file()), "Folder of the data").must_be_given(),
       key("clips", &DataConfig::clips, "Files are videos"),
       key("train", &DataConfig::train,
           "The part that is trained on: a list (of voc in ImageSets/Main), or a folder; without ending"),
       of_labels(key("validate", &DataConfig::validate, "The part that settings and models are chosen on")),
       of_labels(key("test", &DataConfig::test, "The part that is read once, in the end")),
       of_labels(
           key("hold_out", &DataConfig::hold_out, Range{0, 0.9}, "Share of `train` that becomes the validation part")),
       of_labels(key("samples_per_class", &DataConfig::samples_per_class, Range{1, infinity},
                     "So many of each class are drawn from `train`; default: all")),
       of_labels(too_few),
       of_labels(key("task", &DataConfig::task, task_words,
                     "multi_label: any number of classes in a picture; single_label: one; default: by the format")
                     .depends()),
       key("on_broken", &DataConfig::on_broken, problem_words,
           "Files that cannot be read are skipped, or stop the run"),
       of_labels(key("classes", &DataConfig::classes, class_names(), "Names in their order; default: all that occur"))},
      check,
      data_rules()};
}

Table<InputConfig> input_table() {
  std::vector<Key<InputConfig>> keys;
  for (const Key<PreprocessText>& key :
       preprocess_keys(form::size(16384, false), form::numbers({-largest, largest}, 3, true),
                       form::numbers({1e-6, largest}, 3, true))) {
    keys.push_back(lifted<InputConfig>(
        key, [](auto& input) -> auto& { return input.preprocess; }));
  }
  keys.push_back(key("frames", &InputConfig::frames, Range{1, 10000}, "Length of a clip"));
  keys.push_back(
      key("frames_per_second", &InputConfig::frames_per_second, Range{0.001, 1000},
          "Of a clip, around the middle of the video; default: model.json's, else evenly over the whole video"));
  return {keys};
}

Table<ProjectionConfig> projection_table() {
  return {{key("layer", &ProjectionConfig::layer, form::text(),
               "The last linear layer or 1x1 convolution, in whose place it stands; default: the head's"),
           key("hidden", &ProjectionConfig::hidden, Range{1, 65536},
               "Values between its two layers; default: as many as the last layer takes"),
           key("size", &ProjectionConfig::size, Range{1, 65536}, "Values that are compared")}};
}

// A key that only some strategies read.
Key<StageConfig> of_some(const std::string& reason, Key<StageConfig> key) {
  const auto reads = [name = key.name](const StageConfig& stage) {
    return stage.strategy == nullptr || stage.strategy->reads(name);
  };
  const auto why = [reason](const StageConfig& stage) { return in_quotes(stage.strategy->name) + " " + reason; };
  return std::move(key).only(reads, why);
}

Key<StageConfig> strategy_key() {
  Words<const Strategy*> words;
  std::string help;
  for (const Strategy* strategy : strategies::all()) {
    words.emplace_back(strategy->name, strategy);
    help += (help.empty() ? "" : "; ") + std::string(strategy->name) + ": " + strategy->help;
  }
  return key("strategy", &StageConfig::strategy, words, help).must_be_given();
}

Table<StageConfig> stage_table(const TrainContext* context) {
  using Stage = StageConfig;
  const Words<Objective> loss_words = {{"bce", Objective::bce}, {"cross_entropy", Objective::cross_entropy}};
  const auto patterns = form::list(form::text());
  Table<Stage> table;
  table.keys = {
      key("name", &Stage::name, form::name(), "Names the stage's files; default: its number and strategy"),
      strategy_key(),
      of_some("reads no labels", key("loss", &Stage::loss, loss_words, "Of labels; default: by the task").depends()),
      of_some("has no consistency loss", key("spec", &Stage::spec, spec(context),
                                             "Spec of the consistency loss: a file, or the name of one that ships")),
      of_some("has one loss only",
              key("alpha", &Stage::alpha, Range{0, largest}, "Weight of the other loss beside the labels' loss")),
      key("epochs", &Stage::epochs, Range{1, 1000000}, "Times that the training part is gone through"),
      key("steps", &Stage::steps, Range{1, 1000000000}, "Steps, instead of epochs"),
      key("batch", &Stage::batch, Range{1, 65536}, "Samples of a step"),
      key("clip", &Stage::clip, Range{0, largest}, "Largest norm of the gradient; 0: any"),
      key("freeze_statistics", &Stage::freeze_statistics, "Batch norm keeps its running statistics, and uses them"),
      key("optimizer", &Stage::optimizer, optimizer_form(), "Of all losses"),
      of_some("has one optimizer", key("consistency_optimizer", &Stage::consistency_optimizer, optimizer_form(),
                                       "Of the consistency loss alone")),
      key("schedule", &Stage::schedule, schedule_form(), "What the learning rate is multiplied with"),
      key("freeze", &Stage::freeze, patterns, "Patterns of parameters that stay as they are"),
      key("unfreeze", &Stage::unfreeze, patterns, "Patterns of parameters that are trained, though saved as frozen"),
      of_some("needs labels, and trains on the config's data",
              key("data", &Stage::data, form::object(data_table(true)), "Pictures of the stage's own")),
      of_some("compares no views",
              key("temperature", &Stage::temperature, Range{1e-3, 1000}, "What similarities of views are divided by")),
      of_some("compares no views", key("projection", &Stage::projection, form::object(projection_table()),
                                       "What stands in the place of the last layer meanwhile")),
      of_some("labels no pictures",
              key("threshold", &Stage::threshold, Range{0, 1}, "Probability from which the model's own labels count")),
      of_some("labels no pictures", key("strong", &Stage::strong, form::list(augmentation_form(), 1),
                                        "Random changes of the view that is learned")),
      of_some("labels no pictures",
              key("ratio", &Stage::ratio, Range{1, 1000}, "Pictures without labels for each with labels")),
      key("augment", &Stage::augment, form::list(augmentation_form(), 0), "Instead of the config's")};
  table.check = check_stage;
  table.rules = stage_rules(table.keys);
  table.defaults.strategy = nullptr;  // until it is read
  return table;
}

Form<std::map<std::string, std::filesystem::path>> files_by_name() {
  using Files = std::map<std::string, std::filesystem::path>;
  const auto read = [](DocumentReader& reader, const JsonAt& at, Files& files) {
    if (at.node.kind != JsonNode::Kind::object) {
      return reader.fail(at, "must be an object of files by name, not " + shown(at.node));
    }
    for (const JsonMember& member : at.node.members) form::file().read(reader, at.member(member), files[member.key]);
  };
  const auto write = [](const Files& files) {
    Json json;
    for (const auto& [name, file] : files) json[name] = form::file().write(file);
    return json;
  };
  return {read, write, {{"type", "object"}, {"additionalProperties", form::file().schema}}};
}

}  // namespace

Table<TrainConfig> train_table(const TrainContext* context) {
  using Train = TrainConfig;
  Words<std::string> select_words;
  for (const std::string& name : select_names()) select_words.emplace_back(name, name);
  const Table<EvaluateConfig> evaluate = {
      {key("maps", &EvaluateConfig::maps, spec(context),
           "Spec whose maps are compared with boxes: a file, or the name of one that ships"),
       key("bootstrap", &EvaluateConfig::bootstrap, Range{0, 1000000},
           "Resamples behind an interval; 0: no intervals")}};
  return {{key("description", &Train::description, "What the run is for"),
           key("model", &Train::model, form::filled(form::file()), "Model to begin with: .pt2, ONNX or TorchScript")
               .must_be_given(),
           key("extra", &Train::extra, files_by_name(),
               "Other inputs of the model, by name: a .npy file of one row, for all"),
           key("select", &Train::select, select_words,
               "What is best on the validation part in the model that a stage hands on; last: after its last epoch"),
           key("seed", &Train::seed, Range{0, infinity}, "Of everything that is drawn"),
           key("threads", &Train::threads, Range{0, 1024}, "Threads of one operation; 0: all cores"),
           key("device", &Train::device, device(), "cpu, cuda or cuda:INDEX"),
           key("checkpoint_seconds", &Train::checkpoint_seconds, Range{0, infinity},
               "At most so much work is lost when the run is killed"),
           key("output", &Train::output, form::filled(form::file()), "Folder of the run").must_be_given(),
           schema_key<Train>(), version_key<Train>("configs"),
           key("head", &Train::head, form::object(head_table()), "A new last layer"),
           key("data", &Train::data, form::object(data_table(false)), "Pictures or clips, and their labels")
               .must_be_given(),
           key("input", &Train::input, form::object(input_table()), "How they become inputs"),
           key("augment", &Train::augment, form::list(augmentation_form(), 0), "Random changes while training"),
           key("evaluate", &Train::evaluate, form::object(evaluate), "What models are worth"),
           key("monitors", &Train::monitors, form::list(monitor(context)), "Losses that `attune ablate` watches"),
           key("stages", &Train::stages, form::list(form::object(stage_table(context))), "One after the other")},
          check_train};
}

}  // namespace attune
