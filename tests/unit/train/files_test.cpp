// Checkpoints and logs.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <attune/sdk/error.h>

#include "errors.h"
#include "folder.h"
#include "support.h"
#include "train/run/checkpoint.h"
#include "train/run/log.h"

namespace attune::test {
namespace {

TEST(CheckpointFile, GivesBackWhatWasWritten) {
  const TemporaryFolder folder;
  Checkpoint written;
  written.position = {2, 5, 17, {3, 0.25}, 4, 1.5, -0.5, 0.75, 2.5};
  written.log = {100, 200};
  written.layer = "layer4.2";
  written.model = {{"fc.weight", at::randn({3, 2})}, {"norm.num_batches_tracked", at::tensor(int64_t{7})}};
  written.optimisers = {{"optimizer", at::arange(9, at::kByte)}};
  written.problems = {{"a\n.png", "a\n.png: is no picture"}, {"b.png", "b.png: is none either"}};
  write_checkpoint(folder / "checkpoint.pt", written);
  const Checkpoint read = read_checkpoint(folder / "checkpoint.pt");
  EXPECT_EQ(read.position.stage, 2);
  EXPECT_EQ(read.position.epoch, 5);
  EXPECT_EQ(read.position.step, 17);
  EXPECT_EQ(read.position.best.epoch, 3);
  EXPECT_EQ(read.position.best.merit, 0.25);
  EXPECT_EQ(read.position.counted, 4);
  EXPECT_EQ(read.position.loss_sum, 1.5);
  EXPECT_EQ(read.position.consistency_sum, -0.5);
  EXPECT_EQ(read.position.unlabelled_sum, 0.75);
  EXPECT_EQ(read.position.norm_sum, 2.5);
  EXPECT_EQ(read.log.csv, 100);
  EXPECT_EQ(read.log.json, 200);
  EXPECT_EQ(read.layer, "layer4.2");
  ASSERT_EQ(read.model.size(), 2u);
  EXPECT_TRUE(at::equal(read.model.at("fc.weight"), written.model.at("fc.weight")));
  EXPECT_EQ(read.model.at("norm.num_batches_tracked").scalar_type(), at::kLong);
  EXPECT_TRUE(at::equal(read.optimisers.at("optimizer"), written.optimisers.at("optimizer")));
  ASSERT_EQ(read.problems.size(), 2u);
  EXPECT_EQ(read.problems[0].path, written.problems[0].path);
  EXPECT_EQ(read.problems[1].sentence, written.problems[1].sentence);
}

std::string refusal_of(const fs::path& file) {
  const std::string message = message_of(Fault::input, [&] { read_checkpoint(file); });
  const std::string begin = file.string() + ": ";
  EXPECT_EQ(message.rfind(begin, 0), 0u) << message;
  return message.substr(begin.size());
}

TEST(CheckpointFile, OfAnotherKindIsRefused) {
  const TemporaryFolder folder;
  write_checkpoint(folder / "checkpoint.pt", {});
  const std::string bytes = read_bytes(folder / "checkpoint.pt");
  const std::string neither = "is damaged, or a file of another kind; expected tensors by name";
  EXPECT_EQ(refusal_of(folder.write("half.pt", bytes.substr(0, bytes.size() / 2))), neither);
  EXPECT_EQ(refusal_of(folder.write("text.pt", "no checkpoint")), neither);
  EXPECT_EQ(refusal_of(folder.write("empty.pt", "")), neither);
  EXPECT_EQ(refusal_of(folder / "absent.pt"), "cannot be read");
  save_model(folder / "model.pt");
  EXPECT_EQ(refusal_of(folder / "model.pt"), neither);
  write_tensors(folder / "other.pt", {{"a", at::ones({1})}});
  EXPECT_EQ(refusal_of(folder / "other.pt"), "is no checkpoint of a run");
}

// Both files of the attune before checkpoints had a number, and of one that is to come.
TEST(CheckpointFile, OfAnotherVersionIsRefused) {
  const TemporaryFolder folder;
  const auto message = [](const std::string& format) {
    return "is a checkpoint of another attune (format " + format +
           ", this one goes on from format 3); go on with that one, or begin anew in another \"output\"";
  };
  write_tensors(folder / "old.pt", {{"integers", at::zeros({7}, at::kLong)}, {"reals", at::zeros({4}, at::kDouble)}});
  EXPECT_EQ(refusal_of(folder / "old.pt"), message("1"));
  write_tensors(folder / "new.pt", {{"version", at::tensor(int64_t{4})}});
  EXPECT_EQ(refusal_of(folder / "new.pt"), message("4"));
}

// A field that is gone, of another length, or of another type.
TEST(CheckpointFile, WithDamagedFieldsIsRefused) {
  const TemporaryFolder folder;
  write_checkpoint(folder / "checkpoint.pt", {});
  const auto with = [&](const std::string& name, const at::Tensor& field) {
    NamedTensors all = read_tensors(folder / "checkpoint.pt");
    EXPECT_EQ(all.count(name), 1u) << name;
    all.erase(name);
    if (field.defined()) all[name] = field;
    write_tensors(folder / "damaged.pt", all);
    return refusal_of(folder / "damaged.pt");
  };
  EXPECT_EQ(with("step", {}), "is a damaged checkpoint: it has no \"step\"");
  EXPECT_EQ(with("step", at::zeros({0}, at::kLong)),
            "is a damaged checkpoint: its \"step\" has 0 values instead of one");
  EXPECT_EQ(with("log_csv", at::zeros({2}, at::kLong)),
            "is a damaged checkpoint: its \"log_csv\" has 2 values instead of one");
  EXPECT_EQ(with("best_merit", at::zeros({1})), "is a damaged checkpoint: its \"best_merit\" is of another type");
  EXPECT_EQ(with("stage", at::full({1}, -1, at::kLong)), "is a damaged checkpoint: its \"stage\" is -1");
  EXPECT_EQ(with("layer", at::zeros({3})), "is a damaged checkpoint: its \"layer\" is of another type");
}

const LogRow first{"1_supervised", 1, 0, {{"loss", 0.1}, {"validation_f1_macro", 1.0 / 3}}};
const LogRow second{"1_supervised", 2, 0, {{"loss", 5e-7}}};

TEST(RunLogFile, HasARowForEveryEpochAndALineForEveryStep) {
  const TemporaryFolder folder;
  RunLog log(folder.path(), {});
  log.step({"1_supervised", 1, 1, {{"rate", 0.001}, {"loss", 0.5}}});
  log.epoch(first);
  EXPECT_EQ(read_bytes(folder / "log.jsonl"),
            "{\"stage\":\"1_supervised\",\"epoch\":1,\"step\":1,\"rate\":0.001,\"loss\":0.5}\n"
            "{\"stage\":\"1_supervised\",\"epoch\":1,\"loss\":0.1,\"validation_f1_macro\":0.3333333333333333}\n");
  EXPECT_EQ(read_bytes(folder / "log.csv"),
            "stage,epoch,rate,loss,consistency_loss,unlabelled_loss,gradient_norm,validation_loss,"
            "validation_mean_average_precision,validation_f1_macro,validation_f1_micro,validation_accuracy,"
            "validation_consistency_loss\n1_supervised,1,,0.1,,,,,,0.3333333333333333,,,\n");
}

TEST(RunLogFile, GoesOnWhereTheCheckpointWas) {
  const TemporaryFolder folder, whole;
  RunLog::Size size;
  {
    RunLog log(folder.path(), {});
    log.epoch(first);
    size = log.sync();
    log.step({"1_supervised", 2, 3, {}});
    log.epoch(second);
  }
  {
    RunLog log(folder.path(), size);
    ASSERT_EQ(log.epochs().size(), 1u);
    EXPECT_EQ(log.epochs()[0].numbers, first.numbers);
    EXPECT_EQ(log.epochs()[0].stage, first.stage);
    log.epoch(second);
    EXPECT_EQ(log.epochs().size(), 2u);
  }
  RunLog log(whole.path(), {});
  log.epoch(first);
  log.epoch(second);
  for (const char* name : {"log.csv", "log.jsonl"}) EXPECT_EQ(read_bytes(folder / name), read_bytes(whole / name));
}

// Of an attune with other metrics: rows stay in line with the header.
TEST(RunLogFile, GoesOnWithTheColumnsThatItHas) {
  const TemporaryFolder folder;
  const std::string before = "stage,epoch,validation_kappa,loss\n1_supervised,1,0.25,0.5\n";
  folder.write("log.csv", before);
  RunLog log(folder.path(), {static_cast<int64_t>(before.size()), 0});
  ASSERT_EQ(log.epochs().size(), 1u);
  EXPECT_EQ(log.epochs()[0].numbers, (NamedNumbers{{"validation_kappa", 0.25}, {"loss", 0.5}}));
  log.epoch(second);
  EXPECT_EQ(read_bytes(folder / "log.csv"), before + "1_supervised,2,,5e-07\n");
}

TEST(RunLogFile, ThatHasLostSomethingIsRefused) {
  const TemporaryFolder folder;
  folder.write("log.csv", "short");
  EXPECT_EQ(message_of(Fault::input,
                       [&] {
                         RunLog(folder.path(), {10, 0});
                       }),
            (folder / "log.csv").string() + ": has 5 bytes, but had 10 when the checkpoint was written");
}

}  // namespace
}  // namespace attune::test
