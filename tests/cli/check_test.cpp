// attune check, on plugins that keep to the rules and on plugins that do anything.

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <thread>
#include <torch/csrc/jit/api/module.h>

#include "memory.h"
#include "support.h"
#include "support/models.h"

namespace attune::test {
namespace {

class CheckCommand : public CommandLine {
 protected:
  CheckCommand() {
    if (!sanitized) return;
    const char* options = std::getenv("ASAN_OPTIONS");  // a plugin's crash shall be a crash
    setenv("ASAN_OPTIONS", (std::string(options == nullptr ? "" : options) + ":handle_segv=0").c_str(), 1);
  }
  static std::string fixture(const std::string& name) {
    return ATTUNE_BUILD_DIR "/tests/plugins/" + name + "/attune-" + name + ".so";
  }
  // Of one component of the wrong methods, by id.
  Outcome run_wrong(const std::string& id, std::vector<std::string> flags) const {
    flags.insert(flags.begin(),
                 {"check", "wrong." + id, "--plugin-dir", ATTUNE_BUILD_DIR "/tests/plugins/wrong.methods"});
    return run(flags);
  }
  // The one verdict of `attune check --json --only shapes`. A short limit is for what never ends.
  Json shapes_of(const std::string& id, const std::string& limit = "3600") const {
    const Outcome outcome = run_wrong(id, {"--json", "--only", "shapes", "--timeout", limit});
    const Json document = parsed(outcome.out);
    EXPECT_EQ(outcome.err, "");
    EXPECT_EQ(document["checks"].size(), 1U);
    EXPECT_EQ(outcome.code, document["checks"][0]["verdict"] == "passed" ? 0 : 1);
    return document["checks"][0];
  }
};

TEST_F(CheckCommand, ListsWhatItDemands) {
  const Json list = document({"check", "--list", "--json"});
  std::set<std::string> ids;
  for (const Json& check : list["checks"]) {
    ids.insert(check["id"]);
    EXPECT_NE(check["demand"], "");
  }
  for (const char* id :
       {"load", "exports", "parameters", "shapes", "batch", "types", "determinism", "finite", "gradient", "untouched",
        "threads", "exceptions", "growth", "targets", "reruns", "range", "symmetry", "affine", "self"}) {
    EXPECT_EQ(ids.erase(id), 1U) << id;
  }
  EXPECT_TRUE(ids.empty());
  const Outcome text = run({"check", "--list"});
  EXPECT_EQ(text.code, 0);
  expect_parts(text.out, {"exports", "library", "reruns", "matchers", "all components"});
}

TEST_F(CheckCommand, SaysWhatEveryCheckFound) {
  const Json found =
      document({"check", ATTUNE_BUILD_DIR "/lib/attune/plugins/attune-pearson.so", "--json", "--seed", "7"});
  EXPECT_EQ(found["plugin"], ATTUNE_BUILD_DIR "/lib/attune/plugins/attune-pearson.so");
  EXPECT_EQ(found["seed"], 7);
  ASSERT_EQ(found["checks"].size(), 17U);  // targets are methods' business, reruns matchers'
  EXPECT_EQ(found["checks"][0]["id"], "load");
  EXPECT_TRUE(found["checks"][0]["component"].is_null());
  EXPECT_EQ(found["checks"][1]["id"], "exports");
  for (const Json& check : found["checks"]) {
    EXPECT_TRUE(check["component"].is_null() || check["component"] == "pearson");
    EXPECT_EQ(check["verdict"], sanitized && check["id"] == "growth" ? "skipped" : "passed") << check;
    EXPECT_NE(check["message"], "");
    EXPECT_GE(check["ms"].get<int64_t>(), 0);
  }
}

TEST_F(CheckCommand, TextForPeople) {
  const Outcome outcome = run({"check", "pearson", "--only", "affine", "--only", "range"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  expect_parts(outcome.out, {"attune-pearson.so: pearson ", ", seed 1", "correlation pearson", "passed   range",
                             "passed   affine", "\n2 passed\n"});
  EXPECT_EQ(outcome.out.find("exports"), std::string::npos);
  const Outcome file = run({"check", fixture("wrong.exports"), "--only", "exports", "--only", "load"});
  EXPECT_EQ(file.code, 1);
  expect_parts(file.out, {"library\n", "passed   load", "registers correlation wrong.exports", "failed   exports",
                          "attune_test_helper", "1 passed, 1 failed"});
}

TEST_F(CheckCommand, AFaultIsOnePerLineAndExitCodeOne) {
  const Outcome outcome = run_wrong("detaches", {"--only", "gradient", "--only", "batch"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.err, "");
  expect_parts(outcome.out, {"passed   batch", "failed   gradient", "rank 1", "no graph", "1 passed, 1 failed"});
}

TEST_F(CheckCommand, OutlivesPluginsThatDoAnything) {
  const Json crashes = shapes_of("crashes");
  EXPECT_EQ(crashes["verdict"], "crashed");
  EXPECT_EQ(crashes["message"], "segmentation fault");
  const Json aborts = shapes_of("aborts");
  EXPECT_EQ(aborts["verdict"], "crashed");
  expect_parts(aborts["message"].get<std::string>(), {"abort", "its last words: ", "'int'"});
  const Json exits = shapes_of("exits");
  EXPECT_EQ(exits["verdict"], "crashed");
  EXPECT_EQ(exits["message"], "it ended the process with exit code 0");
  const Json hangs = shapes_of("hangs", "1");
  EXPECT_EQ(hangs["verdict"], "timeout");
  EXPECT_EQ(hangs["message"], "no end after 1 second; --timeout gives it longer");
  const Json prints = shapes_of("prints");
  EXPECT_EQ(prints["verdict"], "passed") << prints;
}

TEST_F(CheckCommand, APluginThatDiesOnLoading) {
  const Outcome outcome = run({"check", fixture("wrong.dies"), "--json"});
  EXPECT_EQ(outcome.code, 1);
  const Json found = parsed(outcome.out);
  ASSERT_EQ(found["checks"].size(), 1U);
  EXPECT_EQ(found["checks"][0]["id"], "load");
  EXPECT_EQ(found["checks"][0]["verdict"], "crashed");
  const std::string other =
      refusal(4, {"check", "pearson", "--plugin-dir", ATTUNE_BUILD_DIR "/tests/plugins/wrong.dies"});
  expect_parts(other, {"while \"pearson\" was looked for", "segmentation fault", "check the file itself"});
}

TEST_F(CheckCommand, RefusesWhatCannotBeLoaded) {
  expect_parts(refusal(4, {"check", fixture("other_torch")}), {"attune-other_torch.so", "was built with LibTorch"});
  expect_parts(refusal(4, {"check", "./attune-missing.so"}), {"attune-missing.so", "cannot be read"});
}

TEST_F(CheckCommand, BadUsage) {
  EXPECT_EQ(refusal(2, {"check", "pearson", "--only", "gradeint"}),
            "no check is called 'gradeint' (did you mean \"gradient\"?); `attune check --list` lists them");
  expect_parts(refusal(2, {"check", "pearsno"}), {"no component is called 'pearsno' (did you mean \"pearson\"?)"});
  expect_parts(refusal(2, {"check"}), {"PLUGIN is required", "see attune check --help"});
  expect_parts(refusal(2, {"check", "pearson", "--only", "reruns"}), {"for correlation pearson", "--list"});
  expect_parts(refusal(2, {"check", "pearson", "--timeout", "0"}), {"--timeout", "0"});
  EXPECT_EQ(run({"check", "--help"}).out.find("--child"), std::string::npos);
}

// A picture classifier with a layer that attune's own small models do not have.
void save_with_tokens(const fs::path& file) {
  torch::jit::Module model("__torch__.WithTokens");
  model.register_attribute("training", c10::BoolType::get(), false);
  model.register_module("patches", conv(3, 4, 1, 2));
  model.register_module("tokens", activation("torch.gelu(x)"));
  model.register_parameter("fc", seeded({4, 4}, 3).requires_grad_(), false);
  model.define(
      "def forward(self, x):\n"
      "    x = self.tokens.forward(self.patches.forward(x))\n"
      "    return torch.matmul(torch.mean(x, [2, 3]), torch.t(self.fc))\n");
  model.to(at::kFloat);
  model.save(file.string());
}

TEST_F(CheckCommand, RunsMethodsOnAModelOfTheirKind) {
  save_with_tokens(folder_ / "tokens.pt");
  const std::vector<std::string> only{"--only", "finite", "--only", "shapes", "--only", "types", "--timeout", "3600"};
  const auto with = [&](std::vector<std::string> flags) {
    flags.insert(flags.end(), only.begin(), only.end());
    return run_wrong("tokens", flags);
  };
  const Outcome without = with({});
  EXPECT_EQ(without.code, 1);
  expect_parts(without.out, {"failed   finite", "it threw an attune::Error: unknown layer 'tokens'", "\n3 failed\n"});
  const Outcome given = with({"--model", "tokens.pt", "--input", "3,8,6"});
  EXPECT_EQ(given.code, 0) << given.out << given.err;
  expect_parts(given.out, {", seed 1, model tokens.pt\n", "\n3 passed\n"});
  EXPECT_EQ(parsed(with({"--model", "tokens.pt", "--input", "3,8,6", "--json"}).out)["model"], "tokens.pt");
}

// Methods that read attention are checked on small transformers.
TEST_F(CheckCommand, MethodsOfAttentionNeedNoModelOfTheirOwn) {
  const Outcome outcome =
      run({"check", "rollout", "--only", "finite", "--only", "shapes", "--only", "gradient", "--timeout", "3600"});
  EXPECT_EQ(outcome.code, 0) << outcome.out << outcome.err;
  expect_parts(outcome.out, {"\n3 passed\n"});
}

TEST_F(CheckCommand, ItsModelMustBeReadAndRun) {
  save_with_tokens(folder_ / "tokens.pt");
  const std::string fixtures = ATTUNE_BUILD_DIR "/tests/plugins/wrong.methods";
  const auto refused = [&](int code, std::vector<std::string> flags) {
    flags.insert(flags.begin(), {"check", "wrong.tokens", "--plugin-dir", fixtures});
    return refusal(code, flags);
  };
  EXPECT_EQ(refused(5, {"--model", "missing.pt"}), "model 'missing.pt' does not exist");
  expect_parts(refused(5, {"--model", "tokens.pt", "--input", "1,8,8"}), {"model 'tokens.pt': ", "[3, 1, 8, 8]"});
  expect_parts(refused(2, {"--input", "3,8,8"}), {"--input", "--model"});
  EXPECT_EQ(refusal(2, {"check", "pearson", "--model", "tokens.pt"}), "--model is for methods, and pearson has none");
}

// The processes that are children of `parent`, by id.
std::set<std::string> children_of(const std::string& parent) {
  std::set<std::string> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    std::ifstream stat(entry.path() / "stat");
    std::string id, name, state, of;
    if (stat >> id >> name >> state >> of && of == parent) found.insert(id);
  }
  return found;
}

TEST_F(CheckCommand, InterruptedItLeavesNoProcessBehind) {
  Surroundings surroundings;
  surroundings.folder = folder_;
  Process process({"check", "wrong.hangs", "--plugin-dir", ATTUNE_BUILD_DIR "/tests/plugins/wrong.methods"},
                  surroundings);
  const std::string id = std::to_string(process.id());
  std::set<std::string> children;
  while (children.empty()) {
    ASSERT_TRUE(process.running());
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    children = children_of(id);
  }
  process.send(SIGINT);
  EXPECT_EQ(process.wait().code, 128 + SIGINT);
  const auto alive = [&] {
    return std::any_of(children.begin(), children.end(),
                       [](const auto& child) { return fs::exists("/proc/" + child); });
  };
  while (alive()) std::this_thread::sleep_for(std::chrono::milliseconds(10));  // or the time of this test runs out
}

}  // namespace
}  // namespace attune::test
