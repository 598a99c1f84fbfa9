// attune train: what it refuses, and what it leaves behind then.

#include "models.h"
#include "train_support.h"

namespace attune::test {
namespace {

class TrainRefusals : public Train {
 protected:
  TrainRefusals() { configure(supervised_stage); }

  // config.json with other data.
  void configure_data(const Json& data, Json input = {{"size", {16, 16}}}) const {
    Json config = Json::parse(training_config(supervised_stage));
    config["data"] = data;
    config["input"] = std::move(input);
    config["select"] = "last";
    write("config.json", config.dump());
  }

  // Nothing has begun: the same command can be given again.
  std::string refused_at_once(int code) const {
    const std::string sentence = refused(code);
    EXPECT_FALSE(fs::exists(folder_ / "run"));
    return sentence;
  }

  // What is wrong with a config, a line each.
  std::string faults() const {
    const Outcome outcome = train();
    EXPECT_EQ(outcome.code, 3);
    EXPECT_EQ(outcome.out, "");
    EXPECT_FALSE(fs::exists(folder_ / "run"));
    return outcome.err;
  }

  void expect_whole_files() const {
    for (const std::string& name : files("run")) EXPECT_NE(fs::path(name).extension(), ".part") << name;
  }

  // A VOC set of two pictures of 60 x 40, of which the second has that annotation.
  void write_voc(const std::string& annotation) const {
    write("voc/ImageSets/Main/train.txt", "one\ntwo\n");
    write_picture("voc/JPEGImages/one.png");
    write_picture("voc/JPEGImages/two.png", 40, 60, 1);
    write("voc/Annotations/one.xml", annotated("cat", "<xmax>20</xmax><ymax>20</ymax>"));
    write("voc/Annotations/two.xml", annotation);
    configure_data({{"format", "voc"}, {"root", "voc"}, {"train", "train"}, {"classes", {"cat", "dog"}}});
  }

  static std::string annotated(const std::string& label, const std::string& corner) {
    return "<annotation><size><width>60</width><height>40</height></size><object><name>" + label +
           "</name><bndbox><xmin>5</xmin><ymin>5</ymin>" + corner + "</bndbox></object></annotation>";
  }

  std::string in_folder(const std::string& name) const { return (folder_ / name).string(); }
};

TEST_F(TrainRefusals, MissingPictures) {
  write("data/list.csv", "path,labels\ntrain/down/0.png,down\ntrain/down/absent.png,down\n");
  configure_data({{"format", "csv"}, {"root", "data"}, {"train", "list"}});
  EXPECT_EQ(refused_at_once(5),
            in_folder("data/train/down/absent.png") + ": cannot be read: No such file or directory");
}

TEST_F(TrainRefusals, MissingPicturesAreNamedWhenTheyAreSkipped) {
  write("data/list.csv", "path,labels\ntrain/down/0.png,down\ntrain/down/absent.png,down\n");
  configure_data({{"format", "csv"}, {"root", "data"}, {"train", "list"}, {"on_broken", "skip"}});
  const Outcome outcome = train();
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.err, "attune: note: " + in_folder("data/train/down/absent.png") +
                             ": cannot be read: No such file or directory (skipped)\n");
}

TEST_F(TrainRefusals, BrokenAnnotations) {
  write_voc("<annotation><object>");
  expect_parts(refused_at_once(5), {in_folder("voc/Annotations/two.xml: is broken XML: ").c_str(), "in line 1"});
}

TEST_F(TrainRefusals, ClassesThatAreNotListed) {
  write_voc(annotated("dgo", "<xmax>20</xmax><ymax>20</ymax>"));
  EXPECT_EQ(refused_at_once(5), in_folder("voc/Annotations/two.xml") +
                                    ": the class \"dgo\" is not in the list of classes (did you mean \"dog\"?)");
}

TEST_F(TrainRefusals, BoxesOutsideOfThePicture) {
  write_voc(annotated("dog", "<xmax>80</xmax><ymax>20</ymax>"));
  EXPECT_EQ(refused_at_once(5), in_folder("voc/Annotations/two.xml") +
                                    ": object 1 (dog) has a box outside of the picture: pixels 4 to 80 of 60, rows 4 "
                                    "to 20 of 40");
}

TEST_F(TrainRefusals, EmptyParts) {
  write_voc(annotated("dog", "<xmax>20</xmax><ymax>20</ymax>"));
  write("voc/ImageSets/Main/train.txt", "");
  EXPECT_EQ(refused_at_once(5), in_folder("voc/ImageSets/Main/train.txt") + ": the split is empty");
  fs::create_directories(folder_ / "data/empty/down");
  configure_data({{"format", "class_folders"}, {"root", "data"}, {"train", "empty"}});
  expect_parts(refused_at_once(5), {in_folder("data/empty/down: the folder has no pictures").c_str()});
  configure_data({{"format", "class_folders"}, {"root", "absent"}});
  EXPECT_EQ(refused_at_once(5), in_folder("absent") + ": there is no such folder of data");
}

TEST_F(TrainRefusals, ClassesWithTooFewSamples) {
  fs::remove(folder_ / "data/train/plain/3.png");
  configure_data({{"format", "class_folders"}, {"root", "data"}, {"train", "train"}, {"samples_per_class", 4}});
  EXPECT_EQ(refused_at_once(5),
            in_folder("data/train") + ": 4 examples per class are asked for, but there are fewer of plain 3");
}

TEST_F(TrainRefusals, VideosWithoutFrames) {
  write("clips/down/a.avi", std::string("RIFF\4\0\0\0AVI ", 12));
  configure_data({{"format", "class_folders"}, {"root", "clips"}, {"clips", true}},
                 {{"size", {16, 16}}, {"frames", 4}});
  expect_parts(refused_at_once(5), {in_folder("clips/down/a.avi: ").c_str(), "video"});
}

TEST_F(TrainRefusals, ModelsThatDoNotFit) {
  fs::rename(folder_ / "model.pt", folder_ / "good.pt");
  expect_parts(refused_at_once(5), {"model.pt"});
  write("model.pt", "no model");
  expect_parts(refused_at_once(5), {"model.pt"});
  fs::rename(folder_ / "good.pt", folder_ / "model.pt");
  Json config = Json::parse(training_config(supervised_stage));
  config.erase("head");
  write("config.json", config.dump());
  expect_parts(refused_at_once(3), {"the model gives 4 scores for 3 classes; name its last layer as \"head\"", "fc"});
  config["head"] = {{"layer", "fx"}};
  write("config.json", config.dump());
  expect_parts(refused_at_once(3), {"head 'fx'", "did you mean \"fc\"?"});
}

TEST_F(TrainRefusals, FaultyConfigs) {
  configure(supervised_stage, "run", R"(, "sede": 1)");
  expect_parts(faults(), {"config.json:", "\"sede\"", "did you mean \"seed\"?"});
  configure(R"({"strategy": "finetune", "epochs": 0, "optimizer": {"use": "adma", "lr": -1}})");
  const std::string several = faults();
  expect_parts(several, {"/stages/0/epochs", "\"spec\" is missing", "did you mean \"adam\"?"});
  configure(R"({"strategy": "finetune", "epochs": 1, "spec": "atcno"})");
  expect_parts(faults(), {"/stages/0/spec", "did you mean \"atcon\"?"});
}

TEST_F(TrainRefusals, FoldersThatAreInUse) {
  expect_trained();
  const std::string model = read(model_of("1_supervised"));
  EXPECT_EQ(refused(2), in_folder("run") + " exists; go on with --resume, or give another \"output\"");
  configure(supervised_stage, "run", R"(, "seed": 1)");
  expect_parts(refused(2, {"--resume"}),
               {"was begun with another config: /seed was 0 and is 1 now; ", "give this one another \"output\""});
  configure(supervised_stage, "data");
  EXPECT_EQ(refused(2, {"--resume"}), in_folder("data") + " is no run: it has no config.json");
  EXPECT_TRUE(read(model_of("1_supervised")) == model);
  configure(supervised_stage, "model.pt/run");
  expect_parts(refused(7), {"model.pt/run"});
}

// Another spec would be another loss, from the middle of the run on.
TEST_F(TrainRefusals, SpecsThatWereEdited) {
  configure(finetune_stage);
  expect_trained();
  EXPECT_EQ(read("run/specs/stage_1_finetune.json"), smooth_spec());
  Json spec = Json::parse(smooth_spec());
  spec["description"] = "only for people";
  write("spec.json", spec.dump(4));
  expect_trained({"--resume"});
  spec["terms"][0]["weight"] = 2;
  write("spec.json", spec.dump());
  EXPECT_EQ(refused(2, {"--resume"}), "the run in " + in_folder("run") +
                                          " was begun with another config: /stages/0/spec/terms/0/weight was not "
                                          "given and is 2 now; change it back, or give this one another \"output\"");
}

// A line for each, and the sentence.
TEST_F(TrainRefusals, SeveralDifferences) {
  expect_trained();
  std::string faster = supervised_stage;
  configure(faster.replace(faster.find("0.01"), 4, "0.02"), "run", R"(, "seed": 1)");
  const Outcome outcome = train({"--resume"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.err,
            "attune: note: /seed was 0 and is 1 now\nattune: note: /stages/0/optimizer/lr was 0.01 and is 0.02 now\n"
            "attune: the run in " +
                in_folder("run") +
                " was begun with another config: /seed was 0 and is 1 now (and 1 more); change "
                "it back, or give this one another \"output\"\n");
}

TEST_F(TrainRefusals, FilesThatAreNoCheckpoints) {
  expect_trained();
  fs::copy_file(folder_ / "model.pt", folder_ / "run/checkpoint.pt", fs::copy_options::overwrite_existing);
  EXPECT_EQ(refused(5, {"--resume"}),
            in_folder("run/checkpoint.pt") + ": is damaged, or a file of another kind; expected tensors by name");
}

// A picture that cannot be read shows in the middle of a run, which goes on when the picture is whole again.
TEST_F(TrainRefusals, BrokenPictures) {
  configure(supervised_stage, "whole");
  expect_trained();
  configure(supervised_stage);
  const std::string picture = read("data/train/down/1.png");
  write("data/train/down/1.png", "no picture");
  expect_parts(refused(5), {in_folder("data/train/down/1.png: ").c_str()});
  expect_whole_files();
  EXPECT_FALSE(fs::exists(folder_ / "run/results.json"));
  write("data/train/down/1.png", picture);
  expect_trained({"--resume"});
  expect_same_results("run", "whole");
}

TEST_F(TrainRefusals, FullDisks) {
  configure(supervised_stage, "whole");
  expect_trained();
  configure(supervised_stage);
  expect_parts(sentence(without_epochs(run(arguments(), {folder_, {}, 8000, ""})), 7), {"/run/", "cannot be written"});
  expect_whole_files();
  expect_trained({"--resume"});
  expect_same_results("run", "whole");
}

TEST_F(TrainRefusals, LossesThatAreNotFinite) {
  const std::string wild =
      R"({"strategy": "supervised", "epochs": 5, "batch": 5, "optimizer": {"use": "sgd", "lr": 1e6}})";
  configure(supervised_stage + "," + wild, "run", R"(, "checkpoint_seconds": 0)");
  expect_parts(refused(6),
               {"stage '2_supervised', epoch ", ", step ", "not finite", "the last checkpoint is from before"});
  expect_whole_files();
  EXPECT_FALSE(fs::exists(folder_ / "run/results.json"));
  for (const auto& [name, values] : state_of("1_supervised"))
    EXPECT_TRUE(at::isfinite(values).all().item<bool>()) << name;
  expect_parts(refused(6, {"--resume"}), {"stage '2_supervised', epoch ", "not finite"});
}

TEST_F(TrainRefusals, ScoresThatAreNotFinite) {
  save_unbounded(folder_ / "model.pt");
  Json config = Json::parse(training_config(supervised_stage));
  config.erase("head");
  config["data"]["classes"] = {"across", "down", "plain", "none"};
  write("config.json", config.dump());
  EXPECT_EQ(refused_at_once(6), "stage '1_supervised': the loss of the labels is not finite (NaN)");
}

}  // namespace
}  // namespace attune::test
