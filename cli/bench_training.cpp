#include "bench_training.h"

#include <cstdlib>

#include <attune/sdk/error.h>

#include "demo/pictures.h"
#include "formats/formats.h"
#include "image/image.h"
#include "train/run/splits.h"

namespace attune::cli {
namespace {

constexpr int64_t pictures = 16;
constexpr int photo_size = 400;  // pixels; about as many as a photo of PASCAL VOC has

StageConfig finetuning() {
  StageConfig stage;
  stage.strategy = &strategies::finetune;
  stage.optimizer.lr = 1e-9;  // so that all steps are alike
  stage.unfreeze = {"*"};
  return stage;
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "attune-bench-XXXXXX").string();  // filled by mkdtemp
  if (mkdtemp(name.data()) == nullptr) throw Error(Fault::output, name + ": the folder cannot be made");
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

TrainingBench::TrainingBench(const Session& session, const std::string& model, const Spec& spec,
                             const std::vector<int64_t>& input_shape, int64_t steps)
    : trained_(read_model(model, session.model->device())),
      loss_(image_model(trained_.source(), session.model->options()), spec, session.catalogue, session.labels),
      stage_(finetuning()),
      trainer_(stage_, trained_, &loss_, *session.model) {
  paint_pictures();
  std::vector<Draw> order;
  for (int64_t i = 0; i < steps * input_shape[0]; ++i) order.push_back({i % pictures, static_cast<uint64_t>(i)});
  loader_.emplace(dataset_, std::move(order), loader_options(input_shape));
  log_.emplace(folder_.path(), RunLog::Size{});
}

void TrainingBench::paint_pictures() {
  for (int64_t i = 0; i < pictures; ++i) {
    Example example;
    example.id = std::to_string(i);
    example.path = folder_.path() / (example.id + ".png");
    write_png(example.path, demo_picture(static_cast<uint64_t>(i), photo_size).image);
    dataset_.examples.push_back(example);
  }
}

LoaderOptions TrainingBench::loader_options(const std::vector<int64_t>& input_shape) const {
  LoaderOptions options;
  options.preprocess = preprocess_of({}, {input_shape[1], input_shape[2], input_shape[3]});
  options.preprocess.size = {input_shape[2], input_shape[3]};
  options.batch = input_shape[0];
  options.augmentations = {Rotate{10}, Flip{0.5, 0}, ColourJitter{0.2, 0.2, 0.2, 0.05}};
  return options;
}

void TrainingBench::step() {
  const auto batch = loader_->next();
  if (!batch) throw Error(Fault::run, "more steps were taken than planned");
  const StepReport report = trainer_.step(*batch, static_cast<uint64_t>(done_), 1);
  ++done_;
  log_->step({"bench",
              1,
              done_,
              {{"rate", report.rate},
               {"consistency_loss", report.consistency_loss},
               {"gradient_norm", report.gradient_norm}}});
}

}  // namespace attune::cli
