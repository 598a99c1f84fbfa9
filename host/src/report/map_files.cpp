// The sinks that write a file of each map.

#include <ATen/ops/upsample_bilinear2d.h>
#include <ATen/ops/upsample_linear1d.h>
#include <ATen/ops/upsample_trilinear3d.h>

#include "image/nifti.h"
#include "image/npy.h"
#include "render/legend.h"
#include "report/report.h"

namespace attune {
namespace {

class PictureFiles final : public Sink {
 public:
  explicit PictureFiles(const ReportOptions& options) : folder_(options.folder), style_(options.pictures) {}

  void add_map(const SampleReport& sample, ReportedMap& map, const MapPicture& picture) override {
    if (!picture.image.defined()) return;
    const std::string name = map.stem + ".png";
    const Image& image = picture.image;
    write_png(folder_ / name, style_.plain ? image : add_legend(image, legend(sample, map, picture)));
    map.files["overlay"] = name;
  }

 private:
  Legend legend(const SampleReport& sample, const ReportedMap& map, const MapPicture& picture) const {
    const ClassScore& explained = sample.targets[map.target].about;
    Legend words;
    words.method = map.layer().empty() ? map.method : map.method + " (" + map.layer() + ")";
    words.label = explained.drawn();
    words.score = explained.shown();
    return legend_of(picture, style_.heat.signed_, words);
  }

  const std::filesystem::path folder_;
  const PictureStyle style_;
};

// [C,S1..Sd] -> [C,S1'..Sd'] of the input. Undefined when the map has other axes.
at::Tensor at_size_of(const at::Tensor& input, const at::Tensor& map) {
  if (map.dim() != input.dim()) return {};
  const at::Tensor batch = map.unsqueeze(0);
  const at::IntArrayRef size = input.sizes().slice(1);
  switch (size.size()) {
    case 1:
      return at::upsample_linear1d(batch, size, false).squeeze(0);
    case 2:
      return at::upsample_bilinear2d(batch, size, false).squeeze(0);
    case 3:
      return at::upsample_trilinear3d(batch, size, false).squeeze(0);
    default:
      return {};
  }
}

class ArrayFiles final : public Sink {
 public:
  explicit ArrayFiles(const ReportOptions& options)
      : folder_(options.folder), at_input_size_(options.arrays_at_input_size), note_(options.note) {}

  void add_map(const SampleReport& sample, ReportedMap& map, const MapPicture& /*picture*/) override {
    at::Tensor values = at_input_size_ ? at_size_of(sample.sample->input, map.values) : map.values;
    if (!values.defined()) {
      note_("map '" + map.stem + "' has other axes than the input, and its .npy has the layer's size");
      values = map.values;
    }
    write_npy(folder_ / (map.files["raw"] = map.stem + ".npy"), values);
    if (!sample.sample->volume || map.values.dim() != 4) return;
    write_nifti(folder_ / (map.files["raw_nifti"] = map.stem + ".nii.gz"), values.sum(0), *sample.sample->volume);
  }

 private:
  const std::filesystem::path folder_;
  const bool at_input_size_;
  const std::function<void(std::string)> note_;
};

}  // namespace

std::unique_ptr<Sink> picture_files(const ReportOptions& options) { return std::make_unique<PictureFiles>(options); }

std::unique_ptr<Sink> array_files(const ReportOptions& options) { return std::make_unique<ArrayFiles>(options); }

}  // namespace attune
