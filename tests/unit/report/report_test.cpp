// What becomes of a sample: every sink has it once, or not at all.
#include "report/report.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <limits>
#include <sstream>

#include <attune/sdk/error.h>

#include "errors.h"
#include "folder.h"
#include "picture.h"

namespace attune::test {
namespace {

// Counts, as another kind of report would.
struct Counts {
  int maps = 0, drawn = 0, samples = 0, finished = 0;
};

class Counter final : public Sink {
 public:
  explicit Counter(Counts& counts) : counts_(counts) {}
  void add_map(const SampleReport&, ReportedMap& map, const MapPicture& picture) override {
    ++counts_.maps;
    if (picture.image.defined()) ++counts_.drawn;
    map.files["counted"] = map.stem + ".txt";
  }
  void add(const SampleReport&) override { ++counts_.samples; }
  void finish(const RunReport&) override { ++counts_.finished; }

 private:
  Counts& counts_;
};

class Reports : public testing::Test {
 protected:
  Reports() {
    options_.folder = folder_.path();
    sample_.path = "cat.png";
    sample_.input = at::zeros({3, 16, 16});
    sample_.pictures = {plain(40, 60, 10, 20, 30)};
    sample_.region = {0, 0, 60, 40};
  }

  Report report() {
    Sinks sinks;
    sinks.push_back(picture_files(options_));
    sinks.push_back(array_files(options_));
    sinks.push_back(contact_sheet_files(options_));
    sinks.push_back(std::make_unique<Counter>(counts_));
    sinks.push_back(summary_file(options_, &printed_));
    return {options_, std::move(sinks)};
  }

  static ReportedMap map(const std::string& name, size_t target, const at::Tensor& values) {
    ReportedMap map;
    map.name = name;
    map.method = "Method";
    map.target = target;
    map.values = values;
    return map;
  }

  // Of two targets that mean one class.
  static SampleReport about(const at::Tensor& values) {
    SampleReport about;
    about.stem = "cat";
    about.answer = {7, "cat", 2.5, 0.75};
    about.targets = {{about.answer, "top1"}, {about.answer, "cat"}};
    about.maps = {map("cam", 0, values), map("cam", 1, values)};
    about.terms = {{"agreement", {0.5, 0.5}, false, true}};
    return about;
  }

  Json summary() const { return Json::parse(printed_.str()); }
  bool is_there(const std::string& name) const { return std::filesystem::exists(folder_ / name); }

  TemporaryFolder folder_;
  ReportOptions options_;
  Sample sample_;
  Counts counts_;
  std::ostringstream printed_;
};

TEST_F(Reports, AClassIsExplainedOnceAndItsFilesAreNamed) {
  Report report = this->report();
  report.add(sample_, about(at::ones({1, 4, 4})));
  report.finish({"model.pt", {{"dog.png", std::nullopt, "no"}}, false, {{"batch", 8}}});
  EXPECT_EQ(counts_.maps, 1);
  EXPECT_EQ(counts_.samples, 1);
  EXPECT_TRUE(is_there("cat.cam.7.png"));
  EXPECT_TRUE(is_there("cat.cam.7.npy"));
  EXPECT_TRUE(is_there("contact_sheet.png"));
  const Json document = summary(), item = document["items"][0], of_map = item["maps"][0];
  ASSERT_EQ(item["maps"].size(), 1);
  EXPECT_EQ(of_map["overlay"], "cat.cam.7.png");
  EXPECT_EQ(of_map["raw"], "cat.cam.7.npy");
  EXPECT_EQ(of_map["raw_nifti"], Json());
  EXPECT_EQ(of_map["counted"], "cat.cam.7.txt") << "of another sink";
  EXPECT_EQ(item["answer"], (Json{{"index", 7}, {"label", "cat"}, {"score", 2.5}, {"probability", 0.75}}));
  EXPECT_EQ(item["terms"][0]["saturated"], true);
  EXPECT_EQ(document["failed"][0]["error"], "no");
  EXPECT_EQ(document["run"], (Json{{"batch", 8}}));
}

TEST_F(Reports, ASampleThatCannotBeDrawnIsInNone) {
  Report report = this->report();
  report.add(sample_, about(at::ones({1, 4, 4})));
  SampleReport bad = about(at::ones({1, 4, 4}));
  bad.stem = "bad";
  bad.maps[1] = map("gb", 0, at::full({1, 4, 4}, std::numeric_limits<float>::quiet_NaN()));
  message_of(Fault::run, [&] { report.add(sample_, bad); });
  report.finish({});
  EXPECT_EQ(counts_.samples, 1);
  EXPECT_EQ(summary()["items"].size(), 1);
  EXPECT_EQ(report.samples(), 1);
}

TEST_F(Reports, OfNothingNothingIsWritten) {
  Report report = this->report();
  report.finish({});
  EXPECT_EQ(counts_.finished, 0);
  EXPECT_FALSE(is_there("summary.json"));
}

TEST_F(Reports, WhatHasNoPictureIsStillInTheSummary) {
  Report report = this->report();
  sample_.input = at::zeros({7});
  sample_.pictures.clear();
  report.add(sample_, about(at::ones({7})));
  report.finish({});
  EXPECT_EQ(counts_.maps, 1);
  EXPECT_EQ(counts_.drawn, 0);
  EXPECT_EQ(summary()["items"][0]["maps"][0]["overlay"], Json());
  EXPECT_EQ(summary()["items"][0]["crop_box"], Json());
  EXPECT_FALSE(is_there("contact_sheet.png"));
}

// Ten maps and the input are two rows of six; under each map stand its name and what it took.
TEST_F(Reports, ManyMapsAreABlockOfRows) {
  const auto sheet = [&](int64_t count, double passes) {
    SampleReport many = about(at::ones({1, 4, 4}));
    many.targets.resize(1);
    many.maps.clear();
    for (int64_t i = 0; i < count; ++i) {
      many.maps.push_back(map("map" + std::to_string(i), 0, at::arange(16, at::kFloat).roll(i).view({1, 4, 4})));
      many.maps.back().forward_passes = passes;
    }
    printed_.str("");
    Report report = this->report();
    report.add(sample_, many);
    report.finish({});
    return read_image(folder_ / "contact_sheet.png");
  };
  const Image row = sheet(7, 0), block = sheet(10, 0), costly = sheet(10, 3);
  EXPECT_GT(row.size(1), 8 * 224);
  EXPECT_LT(block.size(1), 7 * 224);
  EXPECT_GT(block.size(0), row.size(0) + 100);
  EXPECT_GT(costly.size(0), block.size(0)) << "a line for the passes";
  const Json item = summary()["items"][0];
  EXPECT_EQ(item["maps"][0]["passes"], (Json{{"forward", 3.0}, {"backward", 0.0}}));
  ASSERT_EQ(item["agreement"].size(), 1U);
  const Json agreement = item["agreement"][0];
  EXPECT_EQ(agreement["maps"][9], "map9");
  EXPECT_NEAR(agreement["pearson"][3][3].get<double>(), 1, 1e-6);
  EXPECT_EQ(agreement["pearson"][2][5], agreement["pearson"][5][2]);
  EXPECT_LT(agreement["pearson"][2][5].get<double>(), 0.9);
}

TEST(ClassScores, HaveNamesWithAndWithoutLabels) {
  EXPECT_EQ((ClassScore{3, "", 0, 0}).name(), "class 3");
  EXPECT_EQ((ClassScore{3, "tabby", 0, 0}).name(), "tabby");
}

TEST(SampleTerms, SayWhenTheyMeanLittle) {
  EXPECT_EQ((SampleTerm{"a", {0.4421, -1}, false, true}).text(), "a h = 0.442 -1.000 (saturated)");
  EXPECT_EQ((SampleTerm{"a", {0}, true, true}).text(), "a h = 0.000 (degenerate)");
}

}  // namespace
}  // namespace attune::test
