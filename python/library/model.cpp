// torch.classes.attune.Model: a model, its layers and its maps.

#include <torch/csrc/jit/api/module.h>

#include <attune/exported.h>
#include <attune/maps.h>
#include <attune/torchscript.h>

#include "config/component.h"
#include "objects.h"

namespace attune::python {
namespace {

// device, output, layer, layout, multi_label, chunk; and the other inputs.
using Settings = std::tuple<std::string, std::string, std::string, std::string, bool, int64_t>;

ModelOptions options_of(const Settings& settings, const std::vector<std::string>& names,
                        const std::vector<at::Tensor>& tensors) {
  ModelOptions options;
  options.device = c10::Device(std::get<0>(settings));
  std::tie(std::ignore, options.output, options.layer, options.layout, options.multi_label, options.chunk) = settings;
  options.extra = named(names, tensors);
  return options;
}

ModelHandle opened(const std::string& path, const Settings& settings, const std::vector<std::string>& extra_names,
                   const std::vector<at::Tensor>& extra) {
  return told(
      [&] { return c10::make_intrusive<ModelObject>(open_model(path, options_of(settings, extra_names, extra))); });
}

ModelHandle of_program(const std::string& program, const std::vector<std::string>& names,
                       const std::vector<at::Tensor>& tensors, const Settings& settings,
                       const std::vector<std::string>& extra_names, const std::vector<at::Tensor>& extra) {
  return told([&] {
    const ModelOptions options = options_of(settings, extra_names, extra);
    return c10::make_intrusive<ModelObject>(exported_model(program, named(names, tensors), options));
  });
}

// A module that torch.jit.trace or torch.jit.script made.
ModelHandle of_torchscript(const c10::IValue& module, const Settings& settings,
                           const std::vector<std::string>& extra_names, const std::vector<at::Tensor>& extra) {
  return told([&] {
    const torch::jit::Module scripted(module.toObject());
    return c10::make_intrusive<ModelObject>(torchscript_model(scripted, options_of(settings, extra_names, extra)));
  });
}

// name, type, shape, spatial axes, whether attention can be captured, why there is no map ("" where there is one).
using LayerRow = std::tuple<std::string, std::string, std::vector<int64_t>, int64_t, bool, std::string>;

std::vector<LayerRow> layers_of(const ModelHandle& self, const at::Tensor& input) {
  return told([&] {
    const PlainMode mode;
    std::map<std::string, bool> attention;
    for (const LayerInfo& layer : self->model->layers()) attention[layer.name] = layer.attention;
    std::vector<LayerRow> rows;
    for (const LayerReport& layer : self->model->inspect(mode.usable(input))) {
      const std::string why = layer.in_branch ? "it lies in a branch that depends on the input" : layer.no_map;
      rows.emplace_back(layer.name, layer.type, layer.shape, layer.spatial, attention[layer.name], why);
    }
    return rows;
  });
}

std::string automatic_layer(const ModelHandle& self, const at::Tensor& input) {
  return told([&] {
    const PlainMode mode;
    return self->model->auto_layer(mode.usable(input));
  });
}

std::vector<std::tuple<std::string, std::vector<int64_t>>> outputs_of(const ModelHandle& self,
                                                                      const at::Tensor& input) {
  return told([&] {
    const PlainMode mode;
    std::vector<std::tuple<std::string, std::vector<int64_t>>> rows;
    for (const OutputReport& output : self->model->output_shapes(mode.usable(input))) {
      rows.emplace_back(output.name, output.shape);
    }
    return rows;
  });
}

std::vector<MapRequest> requests_of(const Catalogue& catalogue, const std::vector<std::string>& texts, bool graph) {
  std::vector<ComponentText> methods;
  for (const std::string& text : texts) {
    const auto given = parse_methods(text, catalogue);
    methods.insert(methods.end(), given.begin(), given.end());
  }
  number_repeated_names(methods);
  std::vector<MapRequest> requests;
  for (const ComponentText& method : methods) {
    requests.push_back({method.name, catalogue.make_method(method.id, method.parameters), graph});
    requests.back().optional = method.optional;
  }
  return requests;
}

std::vector<TargetChoice> choices_of(const std::vector<std::string>& texts, const at::Tensor& classes,
                                     const Labels& labels) {
  if (classes.defined()) return {TargetChoice::of(classes)};
  std::vector<TargetChoice> choices;
  for (const std::string& text : texts) choices.push_back(TargetChoice::parse(text, labels));
  return choices;
}

// name; of each target [N,C,S1..Sd]; whether it has the input's resolution; layers; why it was left out.
using MapRow = std::tuple<std::string, std::vector<at::Tensor>, bool, std::vector<std::string>, std::string>;
// scores [N,..]; of each target its classes [N], undefined where it is no class; a row for each map.
using Maps = std::tuple<at::Tensor, std::vector<std::optional<at::Tensor>>, std::vector<MapRow>>;

MapRow row_of(const MapRequest& request, const std::vector<AttentionMap>& maps, const std::string& refusal) {
  MapRow row{request.name, {}, false, {}, refusal};
  for (const AttentionMap& map : maps) std::get<1>(row).push_back(map.values);
  if (maps.empty()) return row;
  std::get<2>(row) = maps[0].at_input_resolution;
  std::get<3>(row) = maps[0].layers;
  return row;
}

Maps maps_of(const ModelHandle& self, const CatalogueHandle& catalogue, const at::Tensor& input,
             const std::vector<std::string>& methods, const std::vector<std::string>& targets,
             const std::optional<at::Tensor>& classes, const std::vector<std::string>& labels, bool graph,
             int64_t seed) {
  return told([&] {
    const PlainMode mode;
    const auto requests = requests_of(catalogue->catalogue, methods, graph);
    const auto choices = choices_of(targets, classes.value_or(at::Tensor()), Labels(labels));
    const std::shared_ptr<Model> model = model_for(self->model, choices);
    const MapSet set = compute_maps(*model, mode.usable(input), requests, choices, graph, static_cast<uint64_t>(seed));
    Maps result{set.scores, {}, {}};
    for (const Target& target : set.targets) {
      const auto explained = target.classes();
      std::get<1>(result).push_back(explained ? std::optional<at::Tensor>(*explained) : std::nullopt);
    }
    for (size_t i = 0; i < requests.size(); ++i) {
      std::get<2>(result).push_back(row_of(requests[i], set.maps[i], set.refusals[i]));
    }
    return result;
  });
}

}  // namespace

void register_model(torch::Library& library) {
  library.class_<ModelObject>("Model")
      .def("source", [](const ModelHandle& self) { return self->model->source(); })
      .def("device", [](const ModelHandle& self) { return self->model->device().str(); })
      .def("remarks", [](const ModelHandle& self) { return self->model->remarks(); })
      .def("activations", [](const ModelHandle& self) { return self->model->activations(); })
      .def("parameters", [](const ModelHandle& self) { return table(self->model->parameters()); })
      .def("buffers", [](const ModelHandle& self) { return table(self->model->buffers()); })
      .def("likely_input", [](const ModelHandle& self) { return self->model->likely_input(); })
      .def("probabilities",
           [](const ModelHandle& self, const at::Tensor& output) {
             return told([&] { return self->model->probabilities(output); });
           })
      .def("refresh", [](const ModelHandle& self) { self->model->refresh(); })
      .def("layers", &layers_of)
      .def("automatic_layer", &automatic_layer)
      .def("outputs", &outputs_of)
      .def("maps", &maps_of);
  library.def("open_model", &opened);
  library.def("exported_model", &of_program);
  library.def("torchscript_model", &of_torchscript);
}

}  // namespace attune::python
