// Flags and arguments that make no sense.

#include <ATen/Context.h>

#include "models.h"
#include "support.h"

namespace attune::test {
namespace {

class BadUsage : public CommandLine {
 protected:
  BadUsage() {
    save_classifier(folder_ / "model.pt");
    write_picture("picture.png");
  }

  std::string refused(int code, std::vector<std::string> flags) const {
    flags.insert(flags.begin(),
                 {"heatmap", "model.pt", "picture.png", "--threads", "1", "--output", "out", "--size", "32"});
    const std::string said = refusal(code, flags);
    EXPECT_EQ(files("out"), std::set<std::string>());
    return said;
  }
};

TEST_F(BadUsage, CommandsAndFlags) {
  expect_parts(refusal(2, {}), {"subcommand is required", "attune --help"});
  expect_parts(refusal(2, {"heatmpa", "model.pt"}), {"heatmpa", "(did you mean \"heatmap\"?)", "see attune --help"});
  expect_parts(refusal(2, {"--bogus"}), {"--bogus", "attune --help"});
  expect_parts(refused(2, {"--bogus"}), {"--bogus", "see attune heatmap --help"});
  expect_parts(refusal(2, {"heatmap", "model.pt"}), {"INPUT is required"});
  expect_parts(refused(2, {"--batch", "0"}), {"--batch", "0"});
  expect_parts(refused(2, {"--alpha", "1.5"}), {"--alpha", "1.5"});
  expect_parts(refusal(2, {"plugins", "--kind", "methods"}), {"methods", "method,matcher,correlation"});
  expect_parts(refusal(2, {"loss", "model.pt"}), {"SPEC is required", "see attune loss --help"});
  expect_parts(refusal(2, {"loss", "model.pt", "atcon"}), {"INPUT is required", "see attune loss --help"});
  expect_parts(refusal(2, {"loss", "model.pt", "atcon", "picture.png", "--method", "gradcam"}), {"--method"});
  expect_parts(refusal(2, {"validate"}), {"SPEC is required", "see attune validate --help"});
  expect_parts(refusal(2, {"schema", "loss"}), {"loss", "spec", "train", "see attune schema --help"});
  expect_parts(refused(2, {"--spec", "atcon", "--method", "gradcam"}), {"--spec excludes --method"});
  expect_parts(refused(2, {"--target", "0", "--spec", "atcon"}), {"--spec", "--target", "excludes"});
}

TEST_F(BadUsage, UnknownFlagsAreAnsweredWithTheNearest) {
  EXPECT_EQ(refused(2, {"--metod", "gradcam"}),
            "unknown flag --metod (did you mean \"--method\"?); see attune heatmap --help");
  EXPECT_EQ(refused(2, {"--tresh=3"}), "unknown flag --tresh; see attune heatmap --help");
  EXPECT_EQ(refusal(2, {"loss", "model.pt", "--gradeint"}),
            "unknown flag --gradeint (did you mean \"--gradient\"?); see attune loss --help");
  EXPECT_EQ(refusal(2, {"layers", "model.pt", "--inputs=3,4,4"}),
            "unknown flag --inputs (did you mean \"--input\"?); see attune layers --help");
  for (const char* command : {"validate", "schema", "plugins", "describe", "doctor", "new", "check", "bench", "train",
                              "evaluate", "ablate", "demo"}) {
    const std::string said = "unknown flag --hepl (did you mean \"--help\"?); see attune ";
    EXPECT_EQ(refusal(2, {command, "--hepl"}), said + command + " --help");
  }
  EXPECT_EQ(refusal(2, {"--versoin"}), "unknown flag --versoin (did you mean \"--version\"?); see attune --help");
}

TEST_F(BadUsage, SaidBeforeTheModelIsRead) {
  const std::string never = "missing.pt";
  EXPECT_EQ(refusal(2, {"heatmap", never, "picture.png", "--device", "gpu"}),
            "the device 'gpu' is unknown; expected cpu, cuda or cuda:INDEX");
  EXPECT_EQ(refusal(2, {"demo", "--device", "gpu"}), "the device 'gpu' is unknown; expected cpu, cuda or cuda:INDEX");
  EXPECT_EQ(refusal(2, {"layers", never, "--device", "cpu:x"}),
            "the device 'cpu:x' is unknown; expected cpu, cuda or cuda:INDEX");
  EXPECT_EQ(
      refusal(2, {"heatmap", never, "picture.png", "--colormap", "rainbow"}),
      "unknown colormap \"rainbow\"; colormaps are viridis, magma, inferno, plasma, cividis, turbo, grey, blue_red");
  EXPECT_EQ(refusal(2, {"heatmap", never, "picture.png", "--size", "1,2,3"}), "--size takes H or H,W");
  expect_parts(refusal(2, {"bench", never, "--plugin-dir", "nowhere"}),
               {"plugin folder ", "nowhere (--plugin-dir) does not exist"});
  const std::string no_spec =
      "there is no file 'atcno', and no spec of that name ships with attune (did you mean \"atcon\"?)";
  EXPECT_EQ(refusal(3, {"loss", never, "atcno", "picture.png"}), no_spec);
  EXPECT_EQ(refusal(3, {"heatmap", never, "picture.png", "--spec", "atcno"}), no_spec);
  EXPECT_EQ(refusal(3, {"bench", never, "--spec", "atcno"}), no_spec);
  EXPECT_EQ(refusal(2, {"heatmap", never, "picture.png", "--preprocess", "units"}),
            "--preprocess 'units' is no file; expected imagenet, unit, or a JSON file (did you mean \"unit\"?)");
}

TEST_F(BadUsage, GraphicsCardsThatAreNotThere) {
  if (at::hasCUDA()) GTEST_SKIP() << "this machine has one";
  expect_parts(refused(2, {"--device", "cuda"}), {"the device cuda: ", "use cpu"});
  expect_parts(refusal(2, {"demo", "--device", "cuda", "--output", "out"}), {"the device cuda: ", "use cpu"});
}

TEST_F(BadUsage, Methods) {
  expect_parts(refused(3, {"--method", "gradcma"}), {"unknown method \"gradcma\"; ", "(did you mean \"gradcam\"?)"});
  EXPECT_EQ(refused(3, {"--method", "gradcam:rleu=true"}),
            "method \"gradcam\" has no parameter 'rleu'; it has layer, relu (did you mean \"relu\"?)");
  expect_parts(refused(2, {"--method", "gradcam:relu=perhaps"}), {"\"relu\" must be true or false, not \"perhaps\""});
  expect_parts(refused(2, {"--method", "saliency:channels=abs_smu"}), {"\"abs_smu\"", "(did you mean \"abs_sum\"?)"});
  EXPECT_EQ(refused(2, {"--method", "gradcam:relu"}), "'relu' in --method 'gradcam:relu' is no key=value");
  expect_parts(refused(2, {"--method", "a/b=gradcam"}), {"'a/b' in --method 'a/b=gradcam' is no name for files"});
  EXPECT_EQ(
      refusal(2, {"describe", "gradcma"}),
      "no component is called 'gradcma' (did you mean \"gradcam\"?); `attune plugins` lists them, `attune doctor` "
      "what was refused");
}

TEST_F(BadUsage, Targets) {
  EXPECT_EQ(
      refused(2, {"--target", "cat"}),
      "target 'cat' is neither top1, top5 nor an index, and the model has no labels; give them with --labels FILE");
  EXPECT_EQ(refused(2, {"--target", "4"}), "target 4 is out of range: the model has 4 classes, 0 to 3");
  write("labels.txt", "tabby cat\ncrane\nzebra\ncrane\n");
  EXPECT_EQ(refused(2, {"--labels", "labels.txt", "--target", "taby cat"}),
            "no class is called 'taby cat' (did you mean \"tabby cat\"?)");
  EXPECT_EQ(refused(2, {"--labels", "labels.txt", "--target", "crane"}),
            "several classes are called 'crane'; choose one by its index: 1, 3");
  EXPECT_EQ(refused(5, {"--labels", "missing.txt"}), "'missing.txt' cannot be read");
  EXPECT_EQ(refused(2, {"--target", "top0"}), "target 'top0' is no class; expected top1, top2...");
  write("labels.txt", "cat\ndog\n");
  EXPECT_EQ(refused(2, {"--labels", "labels.txt"}),
            "there are 2 labels, but the model has 4 classes; labels must be in the order of the scores");
}

}  // namespace
}  // namespace attune::test
