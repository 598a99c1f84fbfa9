// What `attune heatmap` draws of signals, volumes and clips.

#include <ATen/ATen.h>
#include <array>
#include <cstring>

#include "image/image.h"
#include "image/nifti.h"
#include "image/npy.h"
#include "models.h"
#include "support.h"

namespace attune::test {
namespace {

class Ranks : public CommandLine {
 protected:
  // The first map's entry in the summary of a run on `input`, which is written as a file first.
  Json drawn(const std::string& file, const at::Tensor& input, std::vector<std::string> flags = {}) const {
    write_npy(folder_ / file, input);
    flags.insert(flags.begin(), {"heatmap", "model.pt", file, "--json", "--raw", "--output", "out"});
    return document(flags)["items"][0]["maps"][0];
  }

  Image picture(const Json& map) const { return read_image(folder_ / "out" / map.at("overlay").get<std::string>()); }

  // Of colour, as heat is on grey; boolean [H,W], without the legend below, which is dark.
  static at::Tensor hot(const Image& image) {
    const at::Tensor left = image.select(1, 0).to(at::kInt);
    const int64_t legend = (left == at::tensor({24, 24, 27})).all(1).sum().item<int64_t>();
    const at::Tensor values = image.to(at::kInt).narrow(0, 0, image.size(0) - legend);
    return (values.amax(2) - values.amin(2)) > 40;
  }
};

// Middle of what is true along an axis of [H,W], as a share of its length.
double middle(const at::Tensor& where, int64_t axis) {
  const at::Tensor found = where.any(1 - axis).nonzero();
  const double ends = found[0].item<double>() + found[-1].item<double>();
  return ends / 2 / static_cast<double>(where.size(axis));
}

TEST_F(Ranks, SignalsAreCurvesWithTheirHeat) {
  save_follower(folder_ / "model.pt", 1, 1);
  at::Tensor signal = at::zeros({1, 400});
  signal[0].slice(0, 280, 320).fill_(2);
  const Json map = drawn("signal.npy", signal);
  EXPECT_EQ(map["shape"], (Json{1, 400}));
  const Image image = picture(map);
  EXPECT_GE(image.size(1), 900);
  const at::Tensor heat = hot(image);
  ASSERT_GT(heat.sum().item<int64_t>(), 500);
  EXPECT_NEAR(middle(heat, 1), 0.75, 0.02) << "where the signal is high";
}

// One row for all inputs, or each its own.
TEST_F(Ranks, OtherInputsStandBesideThePicture) {
  save_scaled(folder_ / "model.pt");
  write_npy(folder_ / "rows.npy", noise({2, 3, 32, 32}));
  const at::Tensor scales = at::tensor({1.0F, 2.0F, 3.0F, 4.0F, 4.0F, 3.0F, 2.0F, 1.0F}).view({2, 4});
  write_npy(folder_ / "both.npy", scales);
  const auto predicted = [&](const std::string& file) {
    Json scores;
    const Json summary =
        document({"heatmap", "model.pt", "rows.npy", "--extra", "scale=" + file, "--json", "--output", "out"});
    for (const Json& item : summary["items"]) scores.push_back(item["maps"][0]["target"]);
    return scores;
  };
  const Json both = predicted("both.npy");
  for (const int row : {0, 1}) {
    write_npy(folder_ / "one.npy", scales.narrow(0, row, 1));
    const Json one = predicted("one.npy");
    EXPECT_EQ(both[row], one[row]);
    EXPECT_NE(both[1 - row], one[1 - row]);
  }
}

TEST_F(Ranks, OtherInputsThatDoNotFitAreRefused) {
  save_scaled(folder_ / "model.pt");
  write_npy(folder_ / "rows.npy", noise({2, 3, 32, 32}));
  write_npy(folder_ / "three.npy", noise({3, 4}));
  write_npy(folder_ / "narrow.npy", noise({1, 3}));
  const auto with = [](std::vector<std::string> extra) {
    extra.insert(extra.begin(), {"heatmap", "model.pt", "rows.npy", "--output", "out"});
    return extra;
  };
  EXPECT_EQ(refusal(5, with({})),
            "model 'model.pt': its inputs are 'x', 'scale'; give all but the one that is explained "
            "(--extra NAME=FILE.npy)");
  EXPECT_EQ(refusal(2, with({"--extra", "scale=three.npy"})),
            "--extra scale has 3 rows for 2 inputs; expected one for all, or one each");
  EXPECT_EQ(refusal(2, with({"--extra", "scale"})), "--extra 'scale' is not NAME=FILE.npy");
  EXPECT_EQ(refusal(5, with({"--extra", "scale=gone.npy"})), "gone.npy: cannot be read: No such file or directory");
  EXPECT_EQ(refusal(5, with({"--extra", "size=narrow.npy"})),
            "model 'model.pt': the model has no input 'size'; its inputs are 'x', 'scale'");
  expect_parts(run(with({"--extra", "scale=narrow.npy"})).err, {"fails on an input of shape [1, 3, 32, 32]"});
}

TEST_F(Ranks, SignalsOfABatchHaveAContactSheet) {
  save_signal_classifier(folder_ / "model.pt");
  write_npy(folder_ / "signals.npy", noise({3, 2, 64}));
  const Outcome outcome = run({"heatmap", "model.pt", "signals.npy", "--method", "gradcam", "--method", "saliency",
                               "--output", "out", "--signed"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  std::set<std::string> expected = {"contact_sheet.png", "summary.json"};
  for (const char* row : {"0", "1", "2"}) {
    for (const char* method : {"gradcam", "saliency"}) {
      expected.insert("signals_" + std::string(row) + "." + method + ".png");
    }
  }
  EXPECT_EQ(files("out"), expected);
}

TEST_F(Ranks, VolumesAreSlicesAlongThreeAxesWithTheirHeat) {
  save_follower(folder_ / "model.pt", 1, 3);
  at::Tensor volume = at::zeros({1, 20, 24, 16});
  volume[0].slice(0, 14, 17).slice(1, 2, 6).slice(2, 4, 8).fill_(1);
  const Json map = drawn("volume.npy", volume);
  EXPECT_EQ(map["shape"], (Json{1, 20, 24, 16}));
  const Image few = picture(map);
  EXPECT_TRUE(hot(few).any().item<bool>());
  const Image all = picture(drawn("volume.npy", volume, {"--strip", "all"}));
  EXPECT_GT(all.size(0) * all.size(1), few.size(0) * few.size(1));
  for (const Image& image : {few, all}) {
    const at::Tensor rows = hot(image).any(1);
    for (int64_t third = 0; third < 3; ++third) {
      EXPECT_TRUE(rows.narrow(0, rows.size(0) * third / 3, rows.size(0) / 3).any().item<bool>()) << "axis " << third;
    }
  }
}

// A header as scanners write it: 2 mm to the left and to the front, 4 mm up.
NiftiHeader scanner_header(const std::vector<int64_t>& extents) {
  NiftiHeader header;
  nifti::header_size.set(header, 348);
  std::memcpy(header.bytes.data() + 344, "n+1", 4);
  nifti::extents.set(header, 3, 0);
  for (size_t i = 0; i < 3; ++i) nifti::extents.set(header, static_cast<int16_t>(extents[i]), i + 1);
  const std::array<float, 12> affine = {-2, 0, 0, 90, 0, 2, 0, -120, 0, 0, 4, -60};
  for (size_t i = 0; i < affine.size(); ++i) nifti::affine.set(header, affine[i], i);
  for (size_t i = 1; i <= 3; ++i) nifti::spacing.set(header, i == 3 ? 4.0F : 2.0F, i);
  nifti::has_affine.set(header, 1);
  return header;
}

TEST_F(Ranks, VolumesOfScannersAreUprightAndTheirMapsLieOverThem) {
  save_volume_classifier(folder_ / "model.pt");
  write_nifti(folder_ / "head.nii.gz", noise({24, 32, 16}), scanner_header({24, 32, 16}));
  const Json run = document({"heatmap", "model.pt", "head.nii.gz", "--json", "--raw", "--output", "out"});
  const Json map = run["items"][0]["maps"][0];
  EXPECT_EQ(map["shape"], (Json{1, 6, 8, 4}));
  ASSERT_EQ(map["raw_nifti"], "head.gradcam.nii.gz");
  const NiftiVolume written = read_nifti(folder_ / "out/head.gradcam.nii.gz");
  EXPECT_TRUE(at::equal(written.values, read_npy(folder_ / "out/head.gradcam.npy")));
  // Cells of four voxels: the middle of the first lies one and a half voxels from that of the first voxel.
  const NiftiAffine affine = affine_of(written.header);
  EXPECT_FLOAT_EQ(static_cast<float>(affine[0][0]), -8);
  EXPECT_FLOAT_EQ(static_cast<float>(affine[2][2]), 16);
  EXPECT_FLOAT_EQ(static_cast<float>(affine[0][3]), 90 - 1.5F * 2);
  EXPECT_FLOAT_EQ(static_cast<float>(affine[2][3]), -60 + 1.5F * 4);
  EXPECT_EQ(picture(map).size(2), 3);
}

TEST_F(Ranks, ClipsHaveAsManyFramesAsAreAskedFor) {
  save_follower(folder_ / "model.pt", 3, 3);
  at::Tensor clip = at::zeros({3, 12, 32, 48});
  clip.select(1, 11).fill_(1);
  const Image strip = picture(drawn("clip.npy", clip));
  EXPECT_GT(strip.size(1), 7 * 96);
  const Image three = picture(drawn("clip.npy", clip, {"--strip", "3"}));
  EXPECT_NEAR(static_cast<double>(three.size(1)), 3 * 96, 20);
  const Image all = picture(drawn("clip.npy", clip, {"--strip", "all"}));
  EXPECT_NEAR(static_cast<double>(all.size(1)), 6 * 100, 8) << "two rows of six";
  const at::Tensor heat = hot(all);
  ASSERT_TRUE(heat.any().item<bool>());
  EXPECT_NEAR(middle(heat, 1), 5.5 / 6, 0.02) << "the last frame alone";
  EXPECT_EQ(refusal(2, {"heatmap", "model.pt", "clip.npy", "--strip", "0"}),
            "--strip: '0' is neither a number of at least 1 nor all; see attune heatmap --help");
}

TEST_F(Ranks, AMapAlongOneAxisIsNoPictureOverAPicture) {
  save_lines(folder_ / "model.pt");
  write_picture("picture.png");
  const Outcome outcome =
      run({"heatmap", "model.pt", "picture.png", "--size", "64", "--layer", "lines", "--output", "out"});
  if (outcome.code == 0) {
    EXPECT_EQ(files("out"), (std::set<std::string>{"summary.json"}));
    expect_parts(outcome.err, {"note: map 'picture.gradcam' cannot be drawn, as its axes are not those of the input"});
  } else {
    expect_parts(outcome.err, {"lines"});
  }
}

}  // namespace
}  // namespace attune::test
