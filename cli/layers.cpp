// attune layers: names, types and shapes of a model's layers.

#include <ATen/ops/rand.h>
#include <iomanip>
#include <iostream>
#include <set>

#include <attune/sdk/error.h>

#include "commands.h"
#include "json.h"
#include "model/failure.h"
#include "model/layers/layout.h"
#include "session.h"

namespace attune::cli {
namespace {

std::set<std::string> attention_blocks(const ImageModel& model) {
  std::set<std::string> blocks;
  for (const LayerInfo& layer : model.layers()) {
    if (layer.attention) blocks.insert(layer.name);
  }
  return blocks;
}

Json document(const std::string& model, const std::string& source, const std::string& automatic,
              const std::vector<LayerReport>& reports, const std::set<std::string>& blocks) {
  Json layers = Json::array();
  for (const auto& report : reports) {
    layers.push_back(
        {{"name", report.name}, {"type", report.type}, {"shape", report.shape}, {"spatial", report.spatial}});
    if (!report.no_map.empty()) layers.back()["no_map"] = report.no_map;
    if (blocks.count(report.name) != 0) layers.back()["attention"] = true;
  }
  return {
      {"model", model}, {"source", source}, {"auto", automatic.empty() ? Json() : Json(automatic)}, {"layers", layers}};
}

void print_table(const std::string& automatic, const std::vector<LayerReport>& reports,
                 const std::set<std::string>& blocks) {
  size_t name_width = 5;
  size_t type_width = 4;
  for (const auto& report : reports) {
    name_width = std::max(name_width, printable(report.name).size());
    type_width = std::max(type_width, printable(report.type).size());
  }
  const auto column = [](const std::string& text, size_t width) {
    return text + std::string(width - text.size() + 2, ' ');
  };
  std::cout << "  " << column("layer", name_width) << column("type", type_width) << "output\n";
  for (const auto& report : reports) {
    std::cout << (report.name == automatic ? "* " : "  ") << column(printable(report.name), name_width)
              << column(printable(report.type), type_width)
              << (report.shape.empty() ? "(not reached)" : shape_text(report.shape))
              << (blocks.count(report.name) != 0 ? "  attention" : "")
              << (report.in_branch        ? "  no maps: in a branch"
                  : report.no_map.empty() ? ""
                                          : "  no maps: " + report.no_map)
              << '\n';
  }
  if (!automatic.empty()) std::cout << "\n* the automatic layer\n";
}

// A model without any suitable layer still has layers to list.
std::string automatic_layer(ImageModel& model, const at::Tensor& input) {
  try {
    return model.auto_layer(input);
  } catch (const Error& error) {
    std::cerr << "attune: note: " << printable(error.what()) << '\n';
    return "";
  }
}

}  // namespace

int layers(const LayersOptions& options) {
  Session session = prepare_session(options.model);
  load_model(session, options.model);
  const auto place = at::TensorOptions().device(session.model->device()).dtype(session.model->dtype());
  const at::Tensor input = at::rand(trial_shape(session, options.input), place);
  const auto reports = session.model->inspect(input);
  const std::string automatic = automatic_layer(*session.model, input);
  if (options.json) {
    print(document(options.model.model, session.model->source(), automatic, reports, attention_blocks(*session.model)));
  } else {
    std::cout << options.model.model << " on an input of " << shape_text(input.sizes().vec()) << '\n';
    print_table(automatic, reports, attention_blocks(*session.model));
  }
  return 0;
}

}  // namespace attune::cli
