// What a model looks at in a photo, as a picture:
//   draw_a_map MODEL PHOTO OUT.png

#include <ATen/ATen.h>
#include <iostream>
#include <string>

#include <attune/catalogue.h>
#include <attune/maps.h>
#include <attune/model.h>
#include <attune/report.h>

int main(int argc, char** argv) try {
  if (argc != 4) throw attune::Error(attune::Fault::usage, "draw_a_map MODEL PHOTO OUT.png");
  const auto catalogue = attune::Catalogue::load(attune::search_folders());
  const auto model = attune::open_model(argv[1]);
  const attune::Photo photo = attune::read_photo(argv[2]);
  const at::Tensor batch = photo.input.unsqueeze(0).to(model->device(), model->dtype());  // [N,C,H,W]
  const attune::MapSet set = attune::compute_maps(*model, batch, {{"cam", catalogue.make_method("gradcam")}},
                                                  {attune::TargetChoice::parse("top1", {})});
  const attune::AttentionMap& map = set.maps[0][0];  // of the first method and the first target
  attune::OverlayStyle style;
  style.method = "Grad-CAM (" + map.layers.at(0) + ")";
  style.label = "class " + std::to_string(set.scores.argmax(1).item<int64_t>());
  attune::write_png(argv[3], attune::overlay(photo, map, 0, style));
} catch (const attune::Error& error) {
  std::cerr << error.what() << '\n';
  return static_cast<int>(error.fault());
}
