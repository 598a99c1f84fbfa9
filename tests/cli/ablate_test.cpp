// attune ablate: what is watched, what is made of it, and that a run that was killed ends as if it had not been.

#include <chrono>
#include <cmath>
#include <csignal>
#include <sstream>
#include <thread>

#include "models.h"
#include "specs.h"
#include "support.h"

namespace attune::test {
namespace {

using Keys = std::vector<std::string>;

class Ablate : public CommandLine {
 protected:
  Ablate() {
    save_classifier(folder_ / "model.pt");
    write("a_pearson.json", spec_text());
    write("b_ssim.json", spec_text(upsampled));
    for (int k = 0; k < 4; ++k) {
      for (int i = 0; i < 3; ++i) {
        const std::string file = "/" + std::to_string(k) + "/" + std::to_string(i) + ".png";
        write_picture("data/train" + file, 30 + 6 * k, 40 + 3 * i, k);
        if (i < 2) write_picture("data/val" + file, 36 + 6 * k, 50 - 2 * i, k);
      }
    }
    write("config.json", config());
  }

  static std::string config(const std::string& monitors = R"(["a_pearson.json", "b_ssim.json"])", int epochs = 4,
                            const std::string& output = "run") {
    return R"({"version": 1, "model": "model.pt", "data": {"format": "class_folders", "root": "data", "train": "train",
               "validate": "val"}, "input": {"size": [32, 32]}, "stages": [{"strategy": "supervised", "batch": 4,
               "optimizer": {"use": "adam", "lr": 0.01}, "epochs": )" +
           std::to_string(epochs) + R"(}], "select": "last", "output": ")" + output + R"(", "monitors": )" + monitors +
           "}";
  }

  Outcome ablate(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> all{"ablate", "config.json", "--threads", "1"};
    all.insert(all.end(), more.begin(), more.end());
    return run(all);
  }

  // Columns of monitors.csv behind the epoch: the validation loss and the monitors.
  std::vector<std::vector<double>> columns(const std::string& folder = "run") const {
    std::istringstream lines(read(folder + "/monitors.csv"));
    std::string line, field;
    std::getline(lines, line);
    std::vector<std::vector<double>> all(3);
    while (std::getline(lines, line)) {
      std::istringstream fields(line);
      std::getline(fields, field, ',');
      std::getline(fields, field, ',');
      for (auto& column : all) {
        std::getline(fields, field, ',');
        column.push_back(std::stod(field));
      }
    }
    return all;
  }
};

// sum(a b) - n mean(a) mean(b), over the roots of the same of a and of b.
double pearson(const std::vector<double>& a, const std::vector<double>& b) {
  const auto n = static_cast<double>(a.size());
  double sum_a = 0, sum_b = 0, ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    sum_a += a[i];
    sum_b += b[i];
    ab += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  return (ab - sum_a * sum_b / n) / std::sqrt((aa - sum_a * sum_a / n) * (bb - sum_b * sum_b / n));
}

TEST_F(Ablate, CorrelatesEveryMonitorWithTheValidationLoss) {
  const Outcome outcome = ablate({"--json"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(keys(outcome.out, ""), (Keys{"monitors", "epochs"}));
  const Json report = parsed(outcome.out);
  EXPECT_EQ(parsed(read("run/ablation.json")), report);
  const auto watched = columns();
  ASSERT_EQ(watched[0].size(), 4U);
  ASSERT_EQ(report["epochs"].size(), 4U);
  ASSERT_EQ(report["monitors"].size(), 2U);
  EXPECT_EQ(report["monitors"][0]["name"], "a_pearson");
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_NEAR(report["monitors"][i]["correlation"].get<double>(), pearson(watched[0], watched[i + 1]), 1e-6);
  }
  for (size_t e = 0; e < 4; ++e) {
    EXPECT_EQ(report["epochs"][e]["epoch"], e + 1);
    EXPECT_EQ(report["epochs"][e]["validation_loss"].get<double>(), watched[0][e]);
    EXPECT_NE(watched[1][e], watched[1][(e + 1) % 4]) << "the model changes";
  }
}

TEST_F(Ablate, SeesWhatTheOtherCommandsSee) {
  ASSERT_EQ(ablate().code, 0);
  const auto watched = columns();
  std::vector<std::string> arguments{"loss", "run/stages/1_supervised/model.pt", "", "--threads", "1", "--json"};
  for (const std::string& file : files("data/val")) arguments.push_back("data/val/" + file);
  const auto loss = [&](const std::string& spec) {
    arguments[2] = spec;
    return document(arguments)["loss"].get<double>();
  };
  EXPECT_NEAR(watched[1].back(), loss("a_pearson.json"), 1e-5);
  EXPECT_NEAR(watched[2].back(), loss("b_ssim.json"), 1e-5);
  const Json evaluated = document({"evaluate", "config.json", "--split", "validate", "--threads", "1", "--json"});
  EXPECT_NEAR(watched[0].back(), evaluated["metrics"]["loss"]["value"].get<double>(), 1e-6);
}

TEST_F(Ablate, WritesTables) {
  const Outcome outcome = ablate();
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(without_epochs(outcome.err), "");
  EXPECT_NE(outcome.err.find("attune: epoch 4/4 of 1_supervised: loss "), std::string::npos) << outcome.err;
  const auto watched = columns();
  char a[16], b[16];
  std::snprintf(a, sizeof a, "%.1f", 100 * pearson(watched[0], watched[1]));
  std::snprintf(b, sizeof b, "%.1f", 100 * pearson(watched[0], watched[2]));
  const std::string table =
      std::string("| match | Pearson | cross-correlation | SSIM |\n|---|---:|---:|---:|\n| a | ") + a +
      " | - | - |\n| b | - | - | " + b + " |\n";
  EXPECT_EQ(read("run/ablation.md"), table);
  EXPECT_NE(outcome.out.find(table), std::string::npos) << outcome.out;
  EXPECT_EQ(read("run/ablation.csv").rfind("loss,correlation\na_pearson,", 0), 0U);
  for (const std::string chart : {"run/ablation", "run/ablation_curves"}) {
    EXPECT_EQ(read(chart + ".png").substr(1, 3), "PNG") << chart;
    EXPECT_EQ(read(chart + ".svg").rfind("<?xml", 0), 0U) << chart;
  }
  expect_parts(read("run/ablation.svg"),
               {">Correlation with the validation loss<", ">cross-correlation<", ">a<", ">b<"});
  expect_parts(read("run/ablation_curves.svg"), {">validation loss<", ">a_pearson<", ">b_ssim<", ">epoch<"});
}

TEST_F(Ablate, ListsLossesOfOtherNames) {
  write("config.json", config(R"([{"name": "mine", "spec": "a_pearson.json"}, "b_ssim.json"])", 2));
  ASSERT_EQ(ablate().code, 0);
  EXPECT_EQ(read("run/ablation.md"), "| loss | correlation |\n|---|---:|\n| mine | - |\n| b_ssim | - |\n")
      << "two epochs tell nothing";
}

TEST_F(Ablate, EndsAsIfItHadNotBeenKilled) {
  write("config.json", config(R"(["a_pearson.json", "b_ssim.json"])", 12));
  ASSERT_EQ(ablate().code, 0);
  write("config.json", config(R"(["a_pearson.json", "b_ssim.json"])", 12, "killed"));
  const auto killed = [this] {
    fs::remove_all(folder_ / "killed");
    Process process({"ablate", "config.json", "--threads", "1"}, {folder_, {}, {}, ""});
    while (process.running() && (!fs::exists(folder_ / "killed/monitors.csv") || columns("killed")[0].size() < 3)) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    process.send(SIGKILL);
    return process.wait().signalled;
  };
  bool was_killed = false;  // or was faster
  for (int tries = 0; tries < 20 && !was_killed; ++tries) was_killed = killed();
  EXPECT_TRUE(was_killed);
  EXPECT_FALSE(fs::exists(folder_ / "killed/ablation.md"));
  EXPECT_EQ(refusal(2, {"ablate", "config.json"}),
            (folder_ / "killed").string() + " exists; go on with --resume, or give another \"output\"");
  ASSERT_EQ(ablate({"--resume"}).code, 0);
  for (const char* file : {"monitors.csv", "ablation.md", "ablation.json"}) {
    EXPECT_EQ(read(std::string("killed/") + file), read(std::string("run/") + file)) << file;
  }
  EXPECT_EQ(ablate({"--resume"}).code, 0) << "of a run that has ended";
}

TEST_F(Ablate, RefusesWhatCannotBeWatched) {
  std::string text = config("[]");
  text.erase(text.find(", \"monitors\""), std::string(", \"monitors\": []").size());
  write("config.json", text);
  EXPECT_EQ(refusal(3, {"ablate", "config.json"}),
            "config.json: \"monitors\" is missing: the specs whose losses are watched");
  text = config();
  const std::string part = R"("validate": "val")";
  const size_t comma = text.rfind(',', text.find(part));
  write("config.json", text.erase(comma, text.find(part) + part.size() - comma));
  EXPECT_EQ(refusal(3, {"ablate", "config.json"}),
            "config.json: there is no validation part to watch losses on; give \"validate\" or \"hold_out\"");
  write("config.json", config());
  ASSERT_EQ(ablate().code, 0);
  write("config.json", config(R"(["a_pearson.json", "b_ssim.json"])", 5));
  EXPECT_EQ(refusal(2, {"ablate", "config.json", "--resume"}),
            "the run in " + (folder_ / "run").string() +
                " was begun with another config: /stages/0/epochs was 4 and is 5 now; change it back, or give this one "
                "another "
                "\"output\"");
}

}  // namespace
}  // namespace attune::test
