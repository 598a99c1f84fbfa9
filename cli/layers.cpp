// attune layers: names, types and shapes of a model's layers.

#include <ATen/ops/rand.h>
#include <iostream>
#include <set>

#include <attune/sdk/error.h>

#include "commands.h"
#include "model/failure.h"
#include "model/layers/layout.h"
#include "report/json.h"
#include "session.h"
#include "table.h"

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
              const std::vector<LayerReport>& reports, const std::set<std::string>& blocks,
              const std::vector<OutputReport>& shapes) {
  Json outputs = Json::array();
  for (const auto& [name, shape] : shapes) {
    outputs.push_back({{"name", name.empty() ? Json() : Json(name)}, {"shape", shape}});
  }
  Json layers = Json::array();
  for (const auto& report : reports) {
    layers.push_back(
        {{"name", report.name}, {"type", report.type}, {"shape", report.shape}, {"spatial", report.spatial}});
    if (!report.no_map.empty()) layers.back()["no_map"] = report.no_map;
    if (blocks.count(report.name) != 0) layers.back()["attention"] = true;
  }
  return {{"model", model},
          {"source", source},
          {"auto", automatic.empty() ? Json() : Json(automatic)},
          {"layers", layers},
          {"outputs", outputs}};
}

void print_layers(const std::string& automatic, const std::vector<LayerReport>& reports,
                  const std::set<std::string>& blocks) {
  std::vector<Cells> rows{{"  layer", "type", "output"}};
  for (const auto& report : reports) {
    const std::string name = (report.name == automatic ? "* " : "  ") + printable(report.name);
    std::string output = report.shape.empty() ? "(not reached)" : shape_text(report.shape);
    if (blocks.count(report.name) != 0) output += "  attention";
    if (report.in_branch) {
      output += "  no maps: in a branch";
    } else if (!report.no_map.empty()) {
      output += "  no maps: " + report.no_map;
    }
    rows.push_back({name, printable(report.type), output});
  }
  print_table(std::cout, rows);
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
  const auto outputs = session.model->output_shapes(input);
  if (options.json) {
    print(document(options.model.model, session.model->source(), automatic, reports, attention_blocks(*session.model),
                   outputs));
  } else {
    std::cout << options.model.model << " on an input of " << shape_text(input.sizes().vec()) << '\n';
    print_layers(automatic, reports, attention_blocks(*session.model));
    for (const auto& [name, shape] : outputs) {
      std::cout << "output" << (name.empty() ? "" : " ") << printable(name) << "  " << shape_text(shape) << '\n';
    }
  }
  return 0;
}

}  // namespace attune::cli
