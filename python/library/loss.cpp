// torch.classes.attune.Loss: a consistency loss of a model.

#include <sstream>

#include "objects.h"

namespace attune::python {
namespace {

// loss; scores [N,K]; of each target its classes [N]; of each term name, weight, values, degenerate and saturated
// [T,N].
using TermRow = std::tuple<std::string, double, at::Tensor, at::Tensor, at::Tensor>;
using Result = std::tuple<at::Tensor, at::Tensor, std::vector<std::optional<at::Tensor>>, std::vector<TermRow>>;

Spec spec_of(const std::string& spec, bool is_file, const Catalogue& catalogue, const ModelNames& names) {
  return is_file ? read_spec(spec, catalogue, names) : parse_spec(spec, "the spec", catalogue, names);
}

LossHandle loss_of(const ModelHandle& model, const CatalogueHandle& catalogue, const std::string& text, bool is_file,
                   const std::vector<std::string>& targets, const std::vector<std::string>& labels,
                   const std::vector<std::string>& other_names, const std::vector<ModelHandle>& others) {
  return told([&] {
    ModelNames names{{}, labels};
    for (const LayerInfo& layer : model->model->layers()) names.layers.push_back(layer.name);
    Spec spec = spec_of(text, is_file, catalogue->catalogue, names);
    if (!targets.empty()) spec.targets = targets;
    OtherModels known;
    for (size_t i = 0; i < others.size(); ++i) known[other_names.at(i)] = others[i]->model;
    return c10::make_intrusive<LossObject>(
        ConsistencyLoss(model->model, spec, catalogue->catalogue, Labels(labels), known));
  });
}

Result computed(const LossHandle& self, const at::Tensor& input, const std::optional<at::Tensor>& annotation) {
  return told([&] {
    const PlainMode mode;
    const at::Tensor given = annotation.value_or(at::Tensor());
    const LossResult result = self->loss(mode.usable(input), nullptr, mode.usable(given));
    Result rows{result.loss, result.scores, {}, {}};
    for (const Target& target : result.targets) {
      const auto classes = target.classes();
      std::get<2>(rows).push_back(classes ? std::optional<at::Tensor>(*classes) : std::nullopt);
    }
    for (const TermReport& term : result.terms) {
      std::get<3>(rows).emplace_back(term.name, term.weight, term.values, term.degenerate, term.saturated);
    }
    return rows;
  });
}

// A sentence for each step: "1 forward of input: scores, cam, gb".
std::vector<std::string> plan_of(const LossHandle& self, bool gradient) {
  std::vector<std::string> steps;
  for (const PassPlan& step : self->loss.plan(gradient)) {
    std::ostringstream text;
    text << step.passes << (step.kind == PassPlan::Kind::forward ? " forward" : " backward") << " of " << step.on;
    if (!step.gives.empty()) text << ": " << step.gives;
    if (step.per_target) text << ", for each target";
    steps.push_back(text.str());
  }
  return steps;
}

}  // namespace

void register_loss(torch::Library& library) {
  library.class_<LossObject>("Loss")
      .def("compute", &computed)
      .def("plan", &plan_of)
      .def("seed", [](const LossHandle& self, int64_t next) { self->loss.seed(static_cast<uint64_t>(next)); })
      .def("needs_annotation", [](const LossHandle& self) { return self->loss.needs_annotation(); })
      .def("term_names", [](const LossHandle& self) {
        std::vector<std::string> names;
        for (const TermSpec& term : self->loss.spec().terms) names.push_back(term.name);
        return names;
      });
  library.def("consistency_loss", &loss_of);
}

}  // namespace attune::python
