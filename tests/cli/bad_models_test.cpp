// Models that cannot be read, or not be asked for what was wanted.

#include "models.h"
#include "support.h"

namespace attune::test {
namespace {

const std::string how_to_export =
    "export the model in Python with `torch.export.save(torch.export.export(model.eval(), (pictures,)), "
    "\"model.pt2\")`, or "
    "before PyTorch 2 with `torch.jit.script(model.eval()).save(\"model.pt\")`";

class BadModels : public CommandLine {
 protected:
  std::string refused(int code, const std::string& model, std::vector<std::string> flags = {}) const {
    flags.insert(flags.begin(), {"heatmap", model, "picture.png", "--threads", "1", "--output", "out"});
    const std::string said = refusal(code, flags);
    EXPECT_EQ(files("out"), std::set<std::string>());
    return said;
  }
};

TEST_F(BadModels, FilesThatAreNoTorchScript) {
  write("text.pt", "weights, weights, weights");
  write("empty.pt", "");
  write("pickled.pth", "\x80\x02}q\x01.");
  save_state_dict(folder_ / "state.pth");
  save_classifier(folder_ / "whole.pt");
  write("half.pt", read("whole.pt").substr(0, read("whole.pt").size() / 2));
  write("folder/file", "");
  EXPECT_EQ(refusal(5, {"layers", "missing.pt"}), "model 'missing.pt' does not exist");
  EXPECT_EQ(refusal(5, {"layers", "folder"}), "model 'folder' is a folder; expected a model's file");
  EXPECT_EQ(refusal(5, {"bench", "empty.pt"}), "model 'empty.pt' is empty");
  EXPECT_EQ(refused(5, "text.pt"),
            "model 'text.pt' is no TorchScript file, no program of torch.export and no ONNX file: " + how_to_export);
  EXPECT_EQ(
      refused(5, "pickled.pth"),
      "model 'pickled.pth' is a pickled Python object (a state dict or a model), not TorchScript: " + how_to_export);
  EXPECT_EQ(refused(5, "state.pth"),
            "model 'state.pth' holds a state dict or a pickled Python model, not TorchScript: " + how_to_export);
  EXPECT_EQ(refused(5, "half.pt"),
            "model 'half.pt' is truncated or damaged: it begins as an archive but cannot be read to its end");
}

TEST_F(BadModels, ThatFailOnTheInputNameItsShapeAndTheLayer) {
  save_fixed_size(folder_ / "model.pt");
  write_picture("picture.png");
  expect_parts(refused(5, "model.pt"),
               {"picture.png: the model fails on an input of shape [1, 3, 224, 224] at layer 'fc'",
                "(reached 'relu1': [1, 6, 56, 56])", "cannot be multiplied"});
  expect_parts(refusal(5, {"layers", "model.pt"}), {"[1, 3, 224, 224] at layer 'fc'"});
  EXPECT_EQ(run({"layers", "model.pt", "--input", "3,32,32"}).code, 0);
}

TEST_F(BadModels, WhoseOutputIsNoClassScores) {
  save_segmenter(folder_ / "model.pt");
  write_picture("picture.png");
  EXPECT_EQ(refused(5, "model.pt", {"--size", "32"}),
            "picture.png: target 'top1' does not say which positions count, but the model's output has shape [1, 4, "
            "32, 32]; add "
            "region=predicted or region=all for [N,K,H,W], pick=max for anchors, or name another output");
  EXPECT_EQ(refused(2, "model.pt", {"--size", "32", "--target", "1:region=0,0,33,4"}),
            "target '1:region=0,0,33,4' has a region that is no part of it, but the model's output has shape "
            "[1, 4, 32, 32]; X0,Y0,X1,Y1 go from 0,0 to 32,32, and X0 < X1, Y0 < Y1");
  expect_parts(refused(2, "model.pt", {"--target", "1:regoin=all"}),
               {"has no key 'regoin' (did you mean \"region\"?)"});
  expect_parts(refused(5, "model.pt", {"--target", "1:region=missing.png"}), {"missing.png"});
}

TEST_F(BadModels, WhoseScoresAreNotFinite) {
  save_unbounded(folder_ / "model.pt");
  write_picture("picture.png");
  expect_parts(refused(6, "model.pt", {"--target", "2"}), {"picture.png", "finite"});
}

TEST_F(BadModels, ThatNeedMoreMemoryThanThereIs) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer ends the process itself";
#endif
  save_insatiable(folder_ / "model.pt");
  write_picture("picture.png");
  expect_parts(
      refused(6, "model.pt", {"--size", "32"}),
      {"picture.png: not enough memory for an input of shape [1, 3, 32, 32]; try fewer inputs at once (--batch)"});
}

TEST_F(BadModels, LayersThatAreUnknownOrFlat) {
  save_classifier(folder_ / "model.pt");
  write_picture("picture.png");
  EXPECT_EQ(refused(5, "model.pt", {"--layer", "cnov2"}),
            "model 'model.pt': unknown layer 'cnov2' (did you mean \"conv2\"?); `attune layers` lists all 6");
  EXPECT_EQ(refused(5, "model.pt", {"--method", "gradcam:layer=rellu1"}),
            "unknown layer 'rellu1' (did you mean \"relu1\"?); `attune layers` lists all 6");
  expect_parts(refused(5, "model.pt", {"--layer", "pool"}),
               {"layer 'pool' gives [1, 8, 1, 1] for an input of [1, 3, 224, 224], which has no spatial extent; "
                "`attune layers` lists the layers that have one"});
  expect_parts(refused(5, "model.pt", {"--layer", "relu2", "--layout", "tokens"}), {"'relu2'", "tokens"});
}

TEST_F(BadModels, LayersInsideWithBlocks) {
  save_guarded(folder_ / "model.pt");
  write_picture("picture.png");
  const Json layers = document({"layers", "model.pt", "--input", "3,32,32", "--json"}).at("layers");
  ASSERT_EQ(layers.size(), 4U);
  EXPECT_EQ(
      refused(5, "model.pt", {"--layer", "conv2", "--size", "32"}),
      "picture.png: layer 'conv2' lies where the model switches gradients off (torch.no_grad), so that no map can "
      "be made of its gradients; name another layer, or export the model without that");
  for (const char* layer : {"conv1", "relu"}) {
    const std::vector<std::string> rest{"picture.png", "--layer", layer, "--size", "32"};
    std::vector<std::string> heatmap{"heatmap", "model.pt"}, loss{"loss", "model.pt", "atcon", "--gradient"};
    heatmap.insert(heatmap.end(), rest.begin(), rest.end());
    loss.insert(loss.end(), rest.begin(), rest.end());
    EXPECT_EQ(run(heatmap).code, 0) << layer;
    EXPECT_EQ(run(loss).code, 0) << layer;
  }
  EXPECT_EQ(run({"bench", "model.pt", "--input", "3,32,32", "--rounds", "1"}).code, 0);
}

// The model does not fit any input: that is said once, not for each.
TEST_F(BadModels, ThatFailOnEveryInputSaySoOnce) {
  save_fixed_size(folder_ / "model.pt");
  for (const char* name : {"a.png", "b.png", "c.png", "d.png"}) write_picture(name);
  expect_parts(refusal(5, {"heatmap", "model.pt", "a.png", "b.png", "c.png", "d.png", "--batch", "2"}),
               {"a.png: the model fails on an input of shape [1, 3, 224, 224] at layer 'fc'"});
}

TEST_F(BadModels, LayersThatLieOtherwiseThanTheInput) {
  save_turning(folder_ / "model.pt");
  write_picture("picture.png");
  EXPECT_EQ(
      refused(5, "model.pt", {"--layer", "turn", "--size", "64"}),
      "picture.png: layer 'turn' gives [1, 16, 16, 16] for an input of [1, 3, 64, 64], of which no map is made: its "
      "positions are transposed; name another layer, or say how it is arranged with --layout");
  const Outcome outcome =
      run({"heatmap", "model.pt", "picture.png", "--layer", "turn", "--size", "64", "--layout", "channels_first"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(run({"heatmap", "model.pt", "picture.png", "--layer", "conv1", "--size", "64"}).code, 0);
}

TEST_F(BadModels, LayersThatAreNoMaps) {
  save_windows(folder_ / "model.pt");
  write_picture("picture.png");
  expect_parts(
      refused(5, "model.pt", {"--layer", "window", "--size", "32"}),
      {"picture.png: layer 'window' gives [16, 4, 6] for an input of [1, 3, 32, 32]", "folded into its batch"});
  const Json layers = document({"layers", "model.pt", "--input", "3,32,32", "--json"});
  EXPECT_EQ(layers["source"], "torchscript");
  EXPECT_EQ(layers["auto"], "conv1");
  EXPECT_FALSE(layers["layers"][0].contains("no_map"));
  EXPECT_EQ(layers["layers"][1]["spatial"], 0);
  expect_parts(layers["layers"][1]["no_map"].get<std::string>(), {"folded into its batch"});
  expect_parts(run({"layers", "model.pt", "--input", "3,32,32"}).out, {"[4, 6]  no maps: parts of the input"});
}

TEST_F(BadModels, ThatTakeNumbers) {
  save_number_taker(folder_ / "model.pt");
  write_picture("picture.png");
  const std::string said =
      "model 'model.pt': the model's forward takes 'size' as int, expected a Tensor [N,C,S1..Sd]; export a wrapper "
      "whose forward takes tensors alone";
  EXPECT_EQ(refused(5, "model.pt"), said);
  EXPECT_EQ(refusal(5, {"layers", "model.pt"}), said);
  EXPECT_EQ(refusal(5, {"loss", "model.pt", "atcon", "picture.png"}), said);
}

TEST_F(BadModels, WhoseWordsAreNoText) {
  save_mutterer(folder_ / "model.pt", "\\033[31mbad\\377 size");
  write_picture("picture.png");
  const std::string said = refused(5, "model.pt", {"--size", "48"});
  expect_parts(said, {R"(\x1b[31mbad\xff size)"});
  EXPECT_EQ(said.find("probably"), std::string::npos) << "the shape that was given is no hint: " << said;
  const Json summary =
      document({"heatmap", "model.pt", "picture.png", "--size", "32", "--json"});  // and nothing printed
  EXPECT_EQ(summary["items"].size(), 1U);
}

TEST_F(BadModels, Sidecars) {
  save_classifier(folder_ / "model.pt");
  write_picture("picture.png");
  const auto faults = [&](const std::string& sidecar) {
    write("model.json", sidecar);
    const Outcome outcome = run({"heatmap", "model.pt", "picture.png", "--threads", "1", "--output", "out"});
    EXPECT_EQ(outcome.code, 3);
    EXPECT_EQ(files("out"), std::set<std::string>());
    return outcome.err;
  };
  expect_parts(faults("{\"labels\": [\"cat\", "), {"model.json:1:18: the text ends here"});
  expect_parts(faults("{\"lables\": [\"cat\"]}"),
               {"model.json:1:2 at /lables: unknown key", "did you mean \"labels\"?"});
  EXPECT_EQ(faults("{\"preprocess\": {\"size\": [0, 32]},\n\"frames\": true}"),
            "model.json:1:26 at /preprocess/size/0: must be at least 1, not 0\n"
            "model.json:2:11 at /frames: must be an integer, not true\n");
  EXPECT_EQ(faults("{\"labels\": \"missing.txt\"}"),
            "model.json:1:12 at /labels: cannot be used: 'missing.txt' cannot be read\n");
  write("model.json", "{\"layer\": \"conv9\"}");
  expect_parts(refusal(5, {"layers", "model.pt"}), {"unknown layer 'conv9'"});
}

}  // namespace
}  // namespace attune::test
