// attune demo: the whole story on data that it makes itself.

#include <algorithm>
#include <iostream>

#include <attune/sdk/error.h>

#include "base/numbers.h"
#include "commands.h"
#include "demo/pictures.h"
#include "demo/train.h"
#include "image/image.h"
#include "image/output_file.h"
#include "progress.h"
#include "report/json.h"
#include "session.h"

namespace attune::cli {
namespace {

constexpr int picture_size = 224;
constexpr int64_t pictures_shown = 8;

using std::filesystem::path;

TrainingModel train(const DemoOptions& options, const DemoTraining& base) {
  TrainingModel network = demo_network(static_cast<int64_t>(demo_labels().size()), options.seed);
  network.to(parse_device(options.device));
  DemoTraining training = base;
  training.seed = options.seed;
  const int64_t steps = training.epochs * ((training.pictures + training.batch - 1) / training.batch);
  std::cout << "Training a small network on " << training.pictures << " pictures of its own making...\n" << std::flush;
  Progress progress("steps", steps);
  training.progress = [&](int64_t, int64_t, double loss) {
    progress.advance(1, "loss " + fixed(loss));
    return true;
  };
  train_demo(network, training);
  progress.finish();
  const double f1 = demo_f1(network, demo_held_out_seed, options.quick ? 16 : 256, training.size);
  std::cout << "Trained in " << fixed(progress.seconds(), 0)
            << " s; macro F1 on pictures it has never seen: " << fixed(f1, 2) << '\n';
  network.to(at::kCPU);
  return network;
}

void write_model(TrainingModel& network, const path& file, int size) {
  write_file(file, network.saved());
  const Json sidecar = {{"labels", demo_labels()},
                        {"task", "multi_label"},
                        {"preprocess",
                         {{"size", {size, size}},
                          {"mean", {demo_mean, demo_mean, demo_mean}},
                          {"std", {demo_deviation, demo_deviation, demo_deviation}}}}};
  write_file(path(file).replace_extension(".json"), sidecar.dump(2) + "\n");
}

// Pictures that the network was not trained on, with their boxes beside them.
void write_pictures(const path& folder) {
  prepare_output_folder(folder);
  Json boxes = Json::object();
  for (int64_t i = 0; i < pictures_shown; ++i) {
    const DemoPicture picture = demo_picture(demo_held_out_seed + static_cast<uint64_t>(i), picture_size);
    const std::string name = "picture" + std::to_string(i + 1) + ".png";
    write_png(folder / name, picture.image);
    for (const DemoBox& box : picture.boxes) {
      boxes[name].push_back(
          {{"label", demo_labels()[static_cast<size_t>(box.label)]}, {"box", {box.x, box.y, box.width, box.height}}});
    }
  }
  write_file(folder.parent_path() / "boxes.json", boxes.dump(2) + "\n");
}

HeatmapOptions heatmap_options(const DemoOptions& options, const path& folder) {
  HeatmapOptions heatmaps;
  heatmaps.model.model = (folder / "model.pt").string();
  heatmaps.model.device = options.device;
  heatmaps.model.threads = options.threads;
  heatmaps.model.plugin_dirs = options.plugin_dirs;
  heatmaps.inputs.paths = {(folder / "pictures").string()};
  return heatmaps;
}

int draw_heatmaps(const DemoOptions& options, const path& folder) {
  HeatmapOptions heatmaps = heatmap_options(options, folder);
  heatmaps.methods = {"gradcam", "guided_backprop", "saliency"};
  heatmaps.output = (folder / "heatmaps").string();
  return heatmap(heatmaps);
}

// How far Grad-CAM and guided backpropagation agree on each picture.
int draw_consistency(const DemoOptions& options, const path& folder) {
  HeatmapOptions heatmaps = heatmap_options(options, folder);
  heatmaps.spec = "atcon_gb_mask_pearson";
  heatmaps.output = (folder / "consistency").string();
  return heatmap(heatmaps);
}

}  // namespace

int demo(const DemoOptions& options) {
  parse_device(options.device);
  use_threads(options.threads);
  const path folder(options.output);
  prepare_output_folder(folder);
  DemoTraining training;
  if (options.quick) {
    training.pictures = 64;
    training.epochs = 1;
  }
  TrainingModel network = train(options, training);
  write_model(network, folder / "model.pt", training.size);
  write_pictures(folder / "pictures");
  const int drawn = draw_heatmaps(options, folder);
  if (stop_requested()) return drawn;
  std::cout << "\nDo Grad-CAM and guided backpropagation agree? (spec atcon_gb_mask_pearson)\n";
  const int code = std::max(drawn, draw_consistency(options, folder));
  std::cout << "\nThe pictures lie in " << (folder / "heatmaps").string() << " and "
            << (folder / "consistency").string() << "; begin with contact_sheet.png.\n"
            << "Try your own: attune heatmap MODEL.pt PICTURE.jpg\n";
  return code;
}

}  // namespace attune::cli
