// The sinks that write a file of each map.

#include <ATen/ATen.h>

#include "base/numbers.h"
#include "image/npy.h"
#include "report/report.h"

namespace attune {
namespace {

class PictureFiles final : public Sink {
 public:
  using Sink::Sink;

  void add_map(const SampleReport& sample, ReportedMap& map, const MapPicture& picture) override {
    if (!picture.image.defined()) return;
    const std::string name = map.stem + ".png";
    const Image& image = picture.image;
    const bool plain = options_.pictures.plain;
    write_png(options_.folder / name, plain ? image : add_legend(image, legend(sample, map, picture)));
    map.files["overlay"] = name;
  }

 private:
  Legend legend(const SampleReport& sample, const ReportedMap& map, const MapPicture& picture) const {
    const ClassScore& explained = sample.targets[map.target].about;
    const std::string method = map.layer().empty() ? map.method : map.method + " (" + map.layer() + ")";
    return legend_of(picture, options_.pictures.heat.signed_,
                     {method, explained.drawn(), explained.shown(), {}, {}, {}});
  }
};

class ArrayFiles final : public Sink {
 public:
  using Sink::Sink;

  void add_map(const SampleReport& sample, ReportedMap& map, const MapPicture& /*picture*/) override {
    at::Tensor values = options_.arrays_at_input_size ? at_size_of(sample.sample->input, map.values) : map.values;
    if (!values.defined()) {
      options_.note("map '" + map.stem + "' has other axes than the input, and its .npy has the layer's size");
      values = map.values;
    }
    write_npy(options_.folder / (map.files["raw"] = map.stem + ".npy"), values);
    if (!sample.sample->volume || map.values.dim() != 4) return;
    write_nifti(options_.folder / (map.files["raw_nifti"] = map.stem + ".nii.gz"), values.sum(0),
                *sample.sample->volume);
  }
};

}  // namespace

std::unique_ptr<Sink> picture_files(const ReportOptions& options) { return std::make_unique<PictureFiles>(options); }

std::unique_ptr<Sink> array_files(const ReportOptions& options) { return std::make_unique<ArrayFiles>(options); }

}  // namespace attune
