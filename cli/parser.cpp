#include <CLI/CLI.hpp>
#include <limits>

#include <attune/sdk/version.h>

#include "options.h"
#include "usage_message.h"

namespace attune::cli {
namespace {

constexpr int usage_error = 2;

// 3,224,224; like every list here it ends with its argument, as what follows may be a MODEL or an INPUT.
CLI::Option* add_shape(CLI::App& command, const std::string& flag, std::vector<int64_t>& shape,
                       const std::string& help) {
  return command.add_option(flag, shape, help)
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::Range(int64_t{1}, int64_t{100000}));
}

void add_plugin_dirs(CLI::App& command, std::vector<std::string>& folders) {
  command.add_option("--plugin-dir", folders, "Folder with further plugins (repeatable)")
      ->type_name("DIR")
      ->allow_extra_args(false);
}

void add_json(CLI::App& command, bool& json) {
  command.add_flag("--json", json, "One JSON document on standard output");
}

void add_shared(CLI::App& command, Shared& flags) {
  add_json(command, flags.json);
  add_plugin_dirs(command, flags.plugin_dirs);
}

// A number, whose default is told.
template <class Number>
void add_number(CLI::App& command, const std::string& flag, Number& value, const std::string& help, Number least,
                Number most) {
  command.add_option(flag, value, help)->check(CLI::Range(least, most))->capture_default_str();
}

void add_batch(CLI::App& command, int64_t& batch, const std::string& help) {
  add_number(command, "--batch", batch, help, int64_t{1}, int64_t{4096});
}

// As often as it is given, each time with one argument.
CLI::Option* repeatable(CLI::Option* option, const std::string& type) {
  return option->type_name(type)->expected(1)->allow_extra_args(false)->multi_option_policy(
      CLI::MultiOptionPolicy::TakeAll);
}

CLI::Option* add_file(CLI::App& command, const std::string& flag, std::string& file, const std::string& help) {
  return command.add_option(flag, file, help)->type_name("FILE");
}

void add_labels(CLI::App& command, ModelFlags& flags) {
  add_file(command, "--labels", flags.labels, "Class names, one a line or as JSON");
}

const CLI::IsMember kinds({"method", "matcher", "correlation"});

void add_machine(CLI::App& command, std::string& device, int& threads) {
  command.add_option("--device", device, "cpu, cuda or cuda:INDEX")->capture_default_str();
  command.add_option("--threads", threads, "Threads of one operation; default: all cores")->check(CLI::Range(1, 1024));
}

constexpr const char* spec_help = "JSON file, or the name of a spec that ships with attune (\"atcon\")";
constexpr const char* model_help =
    "Model (.pt of TorchScript, .pt2 of torch.export, .onnx); the .json beside it may describe it";

void add_model_flags(CLI::App& command, ModelFlags& flags) {
  add_machine(command, flags.device, flags.threads);
  command.add_option("--layer", flags.layer, "Layer that `auto` stands for; `attune layers` lists them");
  command.add_option("--layout", flags.layout, "How layers arrange their activations")
      ->check(CLI::IsMember({"auto", "channels_first", "channels_last", "tokens"}));
  command.add_option("--extra", flags.extra, "Another input of the model: one row for all, or a row a sample")
      ->type_name("NAME=FILE.npy");
  add_plugin_dirs(command, flags.plugin_dirs);
}

void add_model(CLI::App& command, ModelFlags& flags) {
  command.add_option("MODEL", flags.model, model_help)->required();
  add_model_flags(command, flags);
}

void add_layers(CLI::App& app, LayersOptions& options) {
  CLI::App* command = app.add_subcommand("layers", "List a model's layers and mark the automatic one");
  add_model(*command, options.model);
  add_shape(*command, "--input", options.input, "Shape of one input, C,H,W; default: guessed from the model");
  add_json(*command, options.json);
}

void add_convert(CLI::App& app, ConvertOptions& options) {
  CLI::App* command = app.add_subcommand("convert", "Write a model to another kind of file");
  command->add_option("MODEL", options.model, model_help)->required();
  command
      ->add_option("OUT", options.output,
                   "File to write, whose ending tells its kind: .pt (TorchScript), .safetensors, or that of MODEL")
      ->required();
}

CLI::Option* add_inputs(CLI::App& command, InputFlags& flags) {
  command.add_option("--preprocess", flags.preprocess, "imagenet (default), unit, or a JSON file");
  add_shape(command, "--size", flags.size, "Size of the model's input: H or H,W");
  command.add_flag("--crop", flags.crop, "Resize the shorter side and cut out the centre instead of squashing");
  command.add_option("--frames", flags.frames, "Frames of a clip; default 16")->check(CLI::Range(1, 10000));
  add_batch(command, flags.batch, "Inputs run at once");
  return command.add_option("INPUT", flags.paths, "Pictures, folders, videos, or .npy tensors");
}

void add_boxes(CLI::App& command, InputFlags& flags) {
  command
      .add_option("--boxes", flags.boxes, "Folder of annotations, for specs that use them: VOC's .xml or masks as .png")
      ->check(CLI::ExistingDirectory)
      ->type_name("DIR");
}

// "12" or "all".
int64_t strip_length(const std::string& text) {
  if (text == "all") return std::numeric_limits<int64_t>::max();
  int64_t length = 0;
  if (CLI::detail::lexical_cast(text, length) && length >= 1) return length;
  throw CLI::ValidationError("--strip", "'" + text + "' is neither a number of at least 1 nor all");
}

void add_pictures(CLI::App& command, HeatmapOptions& options) {
  command.add_option("--colormap", options.colormap,
                     "viridis, magma, inferno, plasma, cividis, turbo, grey or blue_red");
  add_number(command, "--alpha", options.alpha, "Opacity of the strongest heat", 0.0, 1.0);
  command.add_option("--opacity", options.opacity, "Of the heat: growing with it, or uniform")
      ->check(CLI::IsMember({"heat", "uniform"}))
      ->capture_default_str();
  command.add_flag("--signed", options.signed_maps, "Draw negative values too, not the positive part alone");
  const auto take_strip = [&options](const std::string& text) { options.strip = strip_length(text); };
  command
      .add_option_function<std::string>("--strip", take_strip,
                                        "Frames of a clip, slices of a volume along each axis (default: 8), or "
                                        "channels of a signal (default: 12) in a picture")
      ->type_name("N|all");
  command.add_flag("--plain", options.plain, "Pictures at the photo's own size, without the strip of text");
  command.add_flag("--heat-only", options.heat_only, "Draw the heat without the photo");
}

CLI::Option* add_target(CLI::App& command, std::vector<std::string>& targets, const std::string& otherwise = "top1") {
  return repeatable(command.add_option("--target", targets,
                                       "CLASS[:key=value,...] (repeatable): top1, top5, a class index or a label, and "
                                       "what else it says; default: " +
                                           otherwise),
                    "TARGET");
}

void add_heatmap(CLI::App& app, HeatmapOptions& options) {
  CLI::App* command = app.add_subcommand("heatmap", "Draw what a model looks at");
  add_model(*command, options.model);
  add_inputs(*command, options.inputs)->required();
  CLI::Option* spec =
      add_file(*command, "--spec", options.spec, "Draw the maps and the loss of a spec (as `attune loss` takes it)");
  repeatable(
      command->add_option(
          "--method", options.methods,
          "[NAME=]ID[:key=value,...] (repeatable), `all`, or `all-GROUP` such as all-cam for those of a group that "
          "the model suits; default: gradcam; `attune plugins` lists them"),
      "METHOD")
      ->excludes(spec);
  add_target(*command, options.targets)->excludes(spec);
  command->add_option("--output", options.output, "Folder for the pictures")->capture_default_str();
  add_labels(*command, options.model);
  add_pictures(*command, options);
  CLI::Option* raw = command->add_flag("--raw", options.raw, "Write the maps themselves as .npy too");
  command->add_option("--raw-size", options.raw_size, "Of these maps: the layer's, or enlarged to the model's input")
      ->check(CLI::IsMember({"layer", "input"}))
      ->needs(raw)
      ->capture_default_str();
  add_boxes(*command, options.inputs);
  command->add_flag("--json", options.json, "Print summary.json on standard output");
}

void add_loss(CLI::App& app, LossOptions& options) {
  CLI::App* command = app.add_subcommand("loss", "Compute a spec's consistency loss of a model on inputs");
  command->add_option("MODEL", options.model.model, model_help)->required();
  command->add_option("SPEC", options.spec, spec_help)->required();
  add_model_flags(*command, options.model);
  add_target(*command, options.targets, "the spec's");
  CLI::Option* inputs = add_inputs(*command, options.inputs);
  add_boxes(*command, options.inputs);
  add_labels(*command, options.model);
  command->add_flag("--gradient", options.gradient, "Print the norm of the loss's gradient of every parameter");
  CLI::Option* explain = command->add_flag("--explain", options.explain,
                                           "Print the passes that the loss takes; no input is needed, none is run");
  command->add_flag("--json", options.json, "One JSON document on standard output")->excludes(explain);
  command->callback([&options, inputs] {
    if (!options.explain && inputs->empty()) throw CLI::RequiredError("INPUT");
  });
}

void add_specs(CLI::App& app, Options& options) {
  CLI::App* validate = app.add_subcommand("validate", "Check a spec, and say everything that is wrong with it");
  validate->add_option("SPEC", options.validate.spec, spec_help)->required();
  validate->add_option("--model", options.validate.model.model, "Check layers and labels of this model too");
  add_labels(*validate, options.validate.model);
  add_json(*validate, options.validate.json);
  add_plugin_dirs(*validate, options.validate.model.plugin_dirs);

  CLI::App* schema =
      app.add_subcommand("schema", "Print the JSON Schema of specs, training configs or model.json, for editors");
  schema->add_option("OF", options.schema.of, "What the schema describes")
      ->check(CLI::IsMember({"spec", "train", "model"}))
      ->capture_default_str();
  add_plugin_dirs(*schema, options.schema.plugin_dirs);
}

void add_catalogue(CLI::App& app, Options& options) {
  CLI::App* plugins = app.add_subcommand("plugins", "List what is installed");
  plugins->add_option("--kind", options.plugins.kind, "Only these")->check(kinds);
  add_shared(*plugins, options.plugins);

  CLI::App* describe = app.add_subcommand("describe", "Show a component's parameters, capabilities and source");
  describe->add_option("ID", options.describe.id, "As `attune plugins` lists it")->required();
  auto* json = describe->add_flag("--json", options.describe.json, "One JSON document on standard output");
  describe->add_flag("--markdown", options.describe.markdown, "As a page of the reference")->excludes(json);
  add_plugin_dirs(*describe, options.describe.plugin_dirs);

  CLI::App* doctor = app.add_subcommand("doctor", "Say what was searched for plugins, what was refused and why");
  add_shared(*doctor, options.doctor);
}

void add_new(CLI::App& app, NewOptions& options) {
  CLI::App* command = app.add_subcommand("new", "Write a repository for a plugin of your own, ready to build");
  command->add_option("KIND", options.kind, "What the plugin is")->required()->check(kinds);
  command->add_option("NAME", options.name, "VENDOR.NAME, as specs will call it")->required();
  command->add_option("--output", options.output, "Folder for the repository; default: attune-NAME")->type_name("DIR");
}

void add_check(CLI::App& app, CheckOptions& options) {
  CLI::App* command = app.add_subcommand("check", "Check that a plugin keeps to its interface and its declarations");
  CLI::Option* target =
      command->add_option("PLUGIN", options.target, "The file of a plugin (attune-NAME.so), or the id of a component");
  repeatable(command->add_option("--only", options.only, "Run this check only (repeatable)"), "ID");
  command->add_flag("--list", options.list, "List the checks and what they demand; no plugin is needed");
  command->add_option("--seed", options.seed, "Seed of inputs and parameters")->capture_default_str();
  add_number(*command, "--timeout", options.timeout, "Seconds for one check", 1, 86400);
  CLI::Option* model = add_file(*command, "--model", options.model,
                                "Run methods on this model, where they need another kind than attune's small "
                                "convolutional ones; a tiny one, as checks run it some thousand times");
  add_shape(*command, "--input", options.input, "Shape of one input of that model, C,H,W; default: guessed from it")
      ->needs(model);
  add_shared(*command, options);
  command->add_option("--child", options.child)->group("");
  command->add_option("--component", options.component)->group("");
  command->callback([&options, target] {
    if (!options.list && target->empty()) throw CLI::RequiredError("PLUGIN");
  });
}

void add_bench(CLI::App& app, BenchOptions& options) {
  CLI::App* command = app.add_subcommand("bench", "Time every method beside the model's own passes");
  add_model(*command, options.model);
  add_batch(*command, options.batch, "Inputs of one pass");
  add_number(*command, "--rounds", options.rounds, "Rounds whose median counts", 1, 1000);
  repeatable(command->add_option("--spec", options.specs,
                                 "Time the loss of a spec too (as `attune loss` takes it; repeatable)"),
             "FILE");
  add_target(*command, options.targets);
  add_shape(*command, "--input", options.input, "Shape of one input, C,H,W; default: guessed from the model");
  add_json(*command, options.json);
}

void add_demo(CLI::App& app, DemoOptions& options) {
  CLI::App* command =
      app.add_subcommand("demo", "The whole story on data that it makes itself: pictures, a network, heatmaps");
  command->add_option("--output", options.output, "Folder for everything")->capture_default_str();
  add_machine(*command, options.device, options.threads);
  command->add_option("--seed", options.seed, "Of pictures and network")->capture_default_str();
  command->add_flag("--quick", options.quick, "A few training steps only, to see that it runs");
  add_plugin_dirs(*command, options.plugin_dirs);
}

constexpr const char* config_help = "JSON file: data, model, stages; `attune schema train`";

void add_config_machine(CLI::App& command, ConfigFlags& flags) {
  command.add_option("--device", flags.device, "cpu, cuda or cuda:INDEX; default: the config's");
  command.add_option("--threads", flags.threads, "Threads of one operation; default: the config's")
      ->check(CLI::Range(1, 1024));
}

void add_run(CLI::App& command, TrainOptions& options) {
  command.add_option("CONFIG", options.config, config_help)->required();
  command.add_flag("--resume", options.resume, "Go on where the run has stopped");
  add_config_machine(command, options);
  command.add_flag("--json", options.json, "Print the results as JSON on standard output");
  add_plugin_dirs(command, options.plugin_dirs);
}

void add_evaluate(CLI::App& app, EvaluateOptions& options) {
  CLI::App* command = app.add_subcommand("evaluate", "Judge a trained model: F1, precision, maps, consistency");
  command->add_option("CONFIG", options.config, config_help)->required();
  add_file(*command, "--model", options.model, "Model file; default: what the config's run has trained");
  add_file(*command, "--against", options.against, "Compare with this model, sample by sample");
  command->add_option("--split", options.split, "Part of the data; default: test, or else validate, or else train")
      ->check(CLI::IsMember({"test", "validate", "train"}));
  add_number(*command, "--least", options.least, "Means over classes leave out those with fewer samples", int64_t{1},
             int64_t{1000000000});
  add_batch(*command, options.batch, "Inputs run at once");
  add_config_machine(*command, options);
  add_file(*command, "--output", options.output, "Write the JSON document to this file too");
  add_file(*command, "--csv", options.csv, "Write a line for each sample to this file");
  add_shared(*command, options);
}

void add_training(CLI::App& app, Options& options) {
  add_run(*app.add_subcommand("train", "Train a model in stages, with labels and with consistency losses"),
          options.train);
  add_evaluate(app, options.evaluate);
  add_run(*app.add_subcommand("ablate", "Train, and see which consistency losses go along with the validation loss"),
          options.ablate);
}

}  // namespace

int parse(int argc, char** argv, Options& options) {
  CLI::App app("attune: attention maps for vision models", "attune");
  app.set_version_flag("--version", std::string("attune ") + ATTUNE_VERSION);
  app.require_subcommand(0, 1);  // one is asked for below, or of an unknown flag it were said that a command is missing
  app.failure_message(usage_message);
  add_layers(app, options.layers);
  add_convert(app, options.convert);
  add_heatmap(app, options.heatmap);
  add_loss(app, options.loss);
  add_specs(app, options);
  add_catalogue(app, options);
  add_new(app, options.scaffold);
  add_check(app, options.check);
  add_bench(app, options.bench);
  add_training(app, options);
  add_demo(app, options.demo);
  try {
    app.parse(argc, argv);
    if (app.get_subcommands().empty()) throw CLI::RequiredError("A subcommand");
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : usage_error;
  }
  options.command = app.get_subcommands().front()->get_name();
  return -1;
}

}  // namespace attune::cli
