// What the other commands print.

#include "models.h"
#include "specs.h"
#include "support.h"

namespace attune::test {
namespace {

using Keys = std::vector<std::string>;

class Documents : public CommandLine {
 protected:
  // Fixture plugins of tests/plugins.
  static std::string fixture(const std::string& name) { return ATTUNE_BUILD_DIR "/tests/plugins/" + name; }

  // The document of a run that must succeed, as text.
  std::string text(const std::vector<std::string>& arguments) const {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(outcome.err, "");
    return outcome.out;
  }
};

TEST_F(Documents, HelpAndVersion) {
  for (const char* flag : {"--help", "-h"}) {
    const std::string help = text({flag});
    expect_parts(help,
                 {"layers", "heatmap", "loss", "validate", "schema", "plugins", "describe", "doctor", "bench", "demo"});
  }
  expect_parts(text({"heatmap", "--help"}), {"MODEL", "INPUT", "--method", "--target", "--output", "--raw", "--json"});
  expect_parts(text({"loss", "--help"}), {"MODEL", "SPEC", "INPUT", "--gradient", "--explain", "--labels", "--json"});
  const std::string version = text({"--version"});
  EXPECT_EQ(version.compare(0, 7, "attune "), 0) << version;
  EXPECT_EQ(version.find('\n'), version.size() - 1);
}

TEST_F(Documents, Layers) {
  save_classifier(folder_ / "model.pt");
  const std::string printed = text({"layers", "model.pt", "--input", "3,32,48", "--json"});
  EXPECT_EQ(keys(printed, ""), (Keys{"model", "source", "auto", "layers", "outputs"}));
  EXPECT_EQ(keys(printed, "/layers/0"), (Keys{"name", "type", "shape", "spatial"}));
  const Json layers = parsed(printed);
  EXPECT_EQ(layers["model"], "model.pt");
  EXPECT_EQ(layers["auto"], "relu2");
  ASSERT_EQ(layers["layers"].size(), 6U);
  EXPECT_EQ(layers["layers"][0], (Json{{"name", "conv1"}, {"type", "conv1"}, {"shape", {6, 8, 12}}, {"spatial", 2}}));
  EXPECT_EQ(layers["layers"][5], (Json{{"name", "fc"}, {"type", "fc"}, {"shape", {4}}, {"spatial", 0}}));

  const std::string table = text({"layers", "model.pt", "--input", "3,32,48"});
  expect_parts(table, {"model.pt on an input of [1, 3, 32, 48]", "\n  conv2 ", "\n* relu2 ", "[8, 4, 6]",
                       "* the automatic layer"});
}

TEST_F(Documents, LayersTellAttentionBlocks) {
  save_transformer(folder_ / "model.pt");
  const Json layers = parsed(text({"layers", "model.pt", "--input", "3,32,48", "--json"}))["layers"];
  ASSERT_EQ(layers.size(), 5U);
  for (const Json& layer : layers) {
    EXPECT_EQ(layer.contains("attention"), layer["name"] == "block1" || layer["name"] == "block2") << layer;
  }
  expect_parts(text({"layers", "model.pt", "--input", "3,32,48"}), {"[25, 6]  attention\n"});
}

TEST_F(Documents, LayersOfAModelWithoutASuitableOne) {
  save_classifier(folder_ / "model.pt");
  const Outcome outcome = run({"layers", "model.pt", "--input", "3,1,1", "--json"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(parsed(outcome.out)["auto"], nullptr);
  expect_parts(outcome.err, {"attune: note: no layer of the model has both a spatial extent and a gradient"});
}

TEST_F(Documents, Plugins) {
  const std::string printed = text({"plugins", "--json"});
  EXPECT_EQ(keys(printed, ""), (Keys{"components", "refused"}));
  EXPECT_EQ(keys(printed, "/components/0"), (Keys{"id", "kind", "title", "groups", "plugin", "version", "path"}));
  std::set<std::string> ids;
  const Json listed = parsed(printed);
  for (const Json& component : listed["components"]) {
    ids.insert(component["id"]);
    EXPECT_TRUE(fs::is_regular_file(component["path"].get<std::string>())) << component;
  }
  for (const char* id : {"gradcam", "guided_backprop", "saliency"}) EXPECT_EQ(ids.count(id), 1U) << id;
  for (const char* kind : {"method", "matcher"}) {
    const Json some = document({"plugins", "--kind", kind, "--json"});
    for (const Json& component : some["components"]) EXPECT_EQ(component["kind"], kind) << component;
  }
  expect_parts(text({"plugins"}), {"methods\n", "\n  gradcam ", "Grad-CAM: cam  (gradcam "});
}

TEST_F(Documents, Describe) {
  const std::string printed = text({"describe", "gradcam", "--json"});
  EXPECT_EQ(keys(printed, "/parameters/0"), (Keys{"name", "type", "default", "help"}));
  const Json described = parsed(printed);
  EXPECT_EQ(described["id"], "gradcam");
  EXPECT_EQ(described["kind"], "method");
  EXPECT_EQ(described["groups"], Json{"cam"});
  EXPECT_EQ(described["parameters"][0]["name"], "layer");
  EXPECT_EQ(described["parameters"][0]["default"], "auto");
  EXPECT_EQ(described["parameters"][1]["name"], "relu");
  EXPECT_EQ(described["parameters"][1]["default"], false);
  expect_parts(text({"describe", "gradcam"}), {"gradcam: Grad-CAM (method)\n", "relu (boolean, default false)"});
  expect_parts(text({"describe", "gradcam", "--markdown"}), {"# Grad-CAM\n", "| `relu` | boolean | `false` |"});
}

TEST_F(Documents, Doctor) {
  const Json healthy = parsed(text({"doctor", "--json"}));
  for (const char* key : {"attune", "sdk", "torch"}) EXPECT_TRUE(healthy.at(key).is_string()) << key;
  EXPECT_EQ(healthy.at("refused"), Json::array());
  EXPECT_EQ(healthy.at("folders").back().at("origin"), "default");
  EXPECT_GE(healthy.at("plugins").size(), 3U);

  const Outcome ill = run({"doctor", "--json", "--plugin-dir", fixture("other_torch")});
  EXPECT_EQ(ill.code, 4);
  const Json report = parsed(ill.out);
  ASSERT_EQ(report["refused"].size(), 1U);
  EXPECT_EQ(report["refused"][0]["path"], fixture("other_torch") + "/attune-other_torch.so");
  expect_parts(report["refused"][0]["reason"], {"LibTorch", "build it again"});
  EXPECT_EQ(report["folders"][0], (Json{{"path", fixture("other_torch")}, {"origin", "--plugin-dir"}}));
  EXPECT_GE(report["plugins"].size(), 3U);
}

TEST_F(Documents, RefusedPluginsAreListedAndNamed) {
  Surroundings surroundings;
  surroundings.environment["ATTUNE_PLUGIN_PATH"] = fixture("other_torch");
  const Json listed = parsed(run({"plugins", "--json"}, surroundings).out);
  ASSERT_EQ(listed["refused"].size(), 1U);
  EXPECT_EQ(listed["refused"][0]["path"], fixture("other_torch") + "/attune-other_torch.so");
  const Outcome outcome = run({"heatmap", "m.pt", "p.png", "--method", "other_torch"}, surroundings);
  expect_parts(sentence(outcome, 3),
               {"unknown method \"other_torch\"", "attune-other_torch.so was refused: ", "LibTorch"});
  EXPECT_EQ(run({"plugins"}, surroundings).err, "attune: note: 1 refused; `attune doctor` says why\n");
}

TEST_F(Documents, Bench) {
  save_classifier(folder_ / "model.pt");
  const std::string printed =
      text({"bench", "model.pt", "--rounds", "1", "--batch", "2", "--threads", "1", "--input", "3,32,32", "--json"});
  EXPECT_EQ(keys(printed, ""), (Keys{"model", "layer", "batch", "threads", "baseline", "rows"}));
  EXPECT_EQ(keys(printed, "/baseline"),
            (Keys{"forward_ms", "forward_backward_input_ms", "forward_backward_parameters_ms", "peak_mb"}));
  EXPECT_EQ(keys(printed, "/rows/0"), (Keys{"name", "ms", "spread", "ratio_forward", "ratio_forward_backward_input",
                                            "ratio_forward_backward_parameters", "peak_mb", "programs_mb"}));
  const Json bench = parsed(printed);
  EXPECT_EQ(bench["model"], "model.pt");
  EXPECT_EQ(bench["layer"], "relu2");
  EXPECT_EQ(bench["batch"], 2);
  EXPECT_EQ(bench["threads"], 1);
  for (const auto& [key, value] : bench["baseline"].items()) EXPECT_GT(value.get<double>(), 0) << key;
  std::set<std::string> names;
  for (const Json& row : bench["rows"]) {
    names.insert(row["name"]);
    EXPECT_GT(row["ms"].get<double>(), 0) << row;
    EXPECT_GT(row["peak_mb"].get<double>(), 0) << row;
  }
  for (const char* name : {"gradcam", "guided_backprop", "gradcam+guided_backprop", "saliency", "cam", "layercam"}) {
    EXPECT_EQ(names.count(name), 1U) << name;
  }
  EXPECT_EQ(names.count("rollout"), 0U) << "the model has no attention";
}

TEST_F(Documents, BenchOfSpecs) {
  save_classifier(folder_ / "model.pt");
  write("mine.json", spec_text());
  const std::string printed = text({"bench", "model.pt", "--batch", "1", "--rounds", "1", "--threads", "1", "--input",
                                    "3,32,32", "--spec", "mine.json", "--spec", "atcon_fast", "--json"});
  EXPECT_EQ(keys(printed, ""), (Keys{"model", "layer", "batch", "threads", "baseline", "rows"}));
  std::set<std::string> names;
  const Json bench = parsed(printed);
  for (size_t i = 0; i < bench["rows"].size(); ++i) {
    const Json& row = bench["rows"][i];
    EXPECT_EQ(keys(printed, "/rows/" + std::to_string(i)),
              (Keys{"name", "ms", "spread", "ratio_forward", "ratio_forward_backward_input",
                    "ratio_forward_backward_parameters", "peak_mb", "programs_mb"}));
    EXPECT_TRUE(names.insert(row["name"]).second) << row;
    EXPECT_GT(row["ms"].get<double>(), 0) << row;
    EXPECT_NEAR(row["ratio_forward"].get<double>(),
                row["ms"].get<double>() / bench["baseline"]["forward_ms"].get<double>(), 1e-6)
        << row;
  }
  for (const char* name :
       {"gradcam", "mine.value", "mine.step", "mine.step_detached", "atcon_fast.value", "atcon_fast.step"}) {
    EXPECT_EQ(names.count(name), 1U) << name;
  }
  EXPECT_EQ(names.count("atcon_fast.step_detached"), 0U) << "nothing is left to detach";
  expect_parts(text({"bench", "model.pt", "--batch", "1", "--rounds", "1", "--threads", "1", "--input", "3,32,32",
                     "--spec", "mine.json"}),
               {"\nmine.value ", "\nmine.step ", "\nmine.step_detached "});
}

// What a matcher makes of the maps depends on their kind.
TEST_F(Documents, BenchTellsMatchersOfTheMaps) {
  save_classifier(folder_ / "model.pt");
  std::string term = upsampled;
  term.replace(term.find("upsample"), 8, "again");
  write("mine.json", spec_text(term));
  const Json bench = document({"bench", "model.pt", "--batch", "1", "--rounds", "1", "--threads", "1", "--input",
                               "3,32,32", "--spec", "mine.json", "--plugin-dir", fixture("reruns"), "--json"});
  std::set<std::string> names;
  for (const Json& row : bench["rows"]) names.insert(row["name"]);
  EXPECT_EQ(names.count("mine.step_detached"), 1U);
}

TEST_F(Documents, BenchOfSpecsWithOneName) {
  save_classifier(folder_ / "model.pt");
  write("a/mine.json", spec_text());
  write("b/mine.json", spec_text(upsampled));
  const Json bench = document({"bench", "model.pt", "--batch", "1", "--rounds", "1", "--threads", "1", "--input",
                               "3,32,32", "--spec", "a/mine.json", "--spec", "b/mine.json", "--json"});
  std::set<std::string> names;
  for (const Json& row : bench["rows"]) EXPECT_TRUE(names.insert(row["name"]).second) << "twice: " << row["name"];
}

TEST_F(Documents, Schema) {
  const std::string printed = text({"schema"});
  const Json schema = parsed(printed);
  EXPECT_EQ(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
  EXPECT_EQ(schema["type"], "object");
  for (const char* key : {"version", "target", "maps", "terms", "reduction"}) {
    EXPECT_TRUE(schema["properties"].contains(key)) << key;
  }
  const Json listed = document({"plugins", "--json"});
  ASSERT_FALSE(listed["components"].empty());
  for (const Json& component : listed["components"]) {
    EXPECT_NE(printed.find(component["id"].dump()), std::string::npos) << component["id"];
  }
  EXPECT_EQ(text({"schema", "spec"}), printed);
  EXPECT_EQ(parsed(text({"schema", "model"}))["title"], "attune model");
}

}  // namespace
}  // namespace attune::test
