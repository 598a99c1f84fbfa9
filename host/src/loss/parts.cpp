#include "loss/parts.h"

#include <algorithm>

#include <attune/model.h>
#include <attune/sdk/error.h>

#include "model/failure.h"

namespace attune {
namespace {

size_t index_of(const std::vector<MapRequest>& requests, const std::string& name) {
  const auto is_it = [&](const MapRequest& request) { return request.name == name; };
  const auto found = std::find_if(requests.begin(), requests.end(), is_it);
  if (found == requests.end()) throw Error(Fault::spec, "a term compares the map '" + name + "', which is not there");
  return static_cast<size_t>(found - requests.begin());
}

bool names_map(const Spec& spec, const std::string& map) {
  return std::any_of(spec.terms.begin(), spec.terms.end(), [&](const TermSpec& term) {
    return std::find(term.maps.begin(), term.maps.end(), map) != term.maps.end();
  });
}

// Whether given or default, equal values are the same.
std::map<std::string, ParameterValue> values_of(const ComponentSpec& matcher, const Catalogue& catalogue) {
  return catalogue.resolved(ComponentKind::matcher, matcher).parameters;
}

bool is_same(const MatchSpec& a, const MatchSpec& b, const Catalogue& catalogue) {
  return a.stop_gradient == b.stop_gradient && a.matcher.id == b.matcher.id &&
         values_of(a.matcher, catalogue) == values_of(b.matcher, catalogue);
}

Descriptor annotation_descriptor() {
  Descriptor d;
  d.id = "annotation";
  d.at_input_resolution = true;
  return d;
}

bool holds(const std::vector<size_t>& indices, size_t index) {
  return std::find(indices.begin(), indices.end(), index) != indices.end();
}

// On the same device and of the same floating type as the loss's model.
std::shared_ptr<Model> open_other(const ModelSpec& other, const Model& model) {
  const auto* image = dynamic_cast<const ImageModel*>(&model);
  if (other.file == "self") {
    if (image != nullptr) return image->copy(image->dtype());
    throw Error(Fault::spec, "the model '" + other.name + "' is to be a copy of one that cannot be copied");
  }
  ModelOptions options;
  if (image != nullptr) options.device = image->device();
  const std::shared_ptr<ImageModel> opened = open_model(other.file, options);
  const bool is_alike = image == nullptr || opened->dtype() == image->dtype();
  return is_alike ? opened : std::shared_ptr<Model>(opened->copy(image->dtype()));
}

}  // namespace

ConsistencyLoss::Parts::Parts(std::shared_ptr<Model> of, const Spec& given, const Catalogue& catalogue,
                              const Labels& labels, const OtherModels& given_others)
    : model(std::move(of)), spec(given) {
  if (spec.terms.empty() || spec.targets.empty()) throw Error(Fault::spec, "a loss needs a term and a target");
  for (const std::string& target : spec.targets) targets.push_back(TargetChoice::parse(target, labels));
  open_others(given_others);
  make_requests(catalogue, labels);
  std::vector<TargetChoice> all = targets;
  for (const MapRequest& request : requests) {
    if (request.target) all.push_back(*request.target);
  }
  model = model_for(model, all);
  for (const TermSpec& term : spec.terms) terms.push_back(make_term(term, catalogue));
  stop_graphs();
  find_without_gradient(catalogue);
}

void ConsistencyLoss::Parts::open_others(const OtherModels& given) {
  for (const ModelSpec& other : spec.models) {
    const bool is_used = std::any_of(spec.maps.begin(), spec.maps.end(), [&](const MapSpec& map) {
      return names_map(spec, map.name) && (map.model == other.name || map.chosen_by == other.name);
    });
    if (!is_used) continue;
    const auto found = given.find(other.name);
    others[other.name] = found == given.end() ? open_other(other, *model) : found->second;
  }
}

void ConsistencyLoss::Parts::make_requests(const Catalogue& catalogue, const Labels& labels) {
  for (const MapSpec& map : spec.maps) {
    if (!names_map(spec, map.name)) continue;
    if (map.annotated) {
      requests.push_back({map.name, nullptr, /*graph=*/false, {}, *map.annotated});
      descriptors.push_back(annotation_descriptor());
      continue;
    }
    requests.push_back({map.name, catalogue.make_method(map.method.id, map.method.parameters),
                        !map.stop_gradient && map.model.empty()});
    if (!map.model.empty()) requests.back().model = others.at(map.model);
    if (!map.chosen_by.empty()) requests.back().chosen_by = others.at(map.chosen_by);
    if (!map.target.empty()) requests.back().target = TargetChoice::parse(map.target, labels);
    descriptors.push_back(catalogue.descriptor(ComponentKind::method, map.method));
  }
}

Term ConsistencyLoss::Parts::make_term(const TermSpec& given, const Catalogue& catalogue) {
  const auto& compare = given.compare;
  Term term{given.name, given.weight, {given.normalise, compare.id, nullptr}};
  term.measure = given.measure;
  term.score = given.score;
  for (const std::string& name : given.maps) term.maps.push_back(index_of(requests, name));
  if (term.measure) return term;
  term.match = match_of(given, catalogue);
  (term.score ? matches[*term.match].scores : matches[*term.match].compares) = true;
  if (!term.score) term.comparison.correlation = catalogue.make_correlation(compare.id, compare.parameters);
  return term;
}

// Terms of equal maps and equal match share one.
size_t ConsistencyLoss::Parts::match_of(const TermSpec& term, const Catalogue& catalogue) {
  Match made = make_match(term, catalogue);
  for (size_t i = 0; i < matches.size(); ++i) {
    if (matches[i].maps != made.maps || !is_same(matches[i].spec, made.spec, catalogue)) continue;
    matches[i].terms += ", " + term.name;
    return i;
  }
  matches.push_back(std::move(made));
  return matches.size() - 1;
}

Match ConsistencyLoss::Parts::make_match(const TermSpec& term, const Catalogue& catalogue) const {
  Match match;
  match.terms = term.name;
  match.spec = term.match;
  match.matcher = catalogue.make_matcher(term.match.matcher.id, term.match.matcher.parameters);
  for (const std::string& name : term.maps) {
    match.maps.push_back(index_of(requests, name));
    match.infos.push_back({name, descriptors[match.maps.back()].at_input_resolution});
  }
  match.reruns = call_component(name_of(match.spec), [&] { return match.matcher->reruns(match.infos); });
  for (const auto& indices : {match.reruns.maps, match.reruns.sources}) {
    for (const size_t index : indices) {
      if (index >= match.maps.size()) {
        throw Error(Fault::run, name_of(match.spec) + " declares a map that it is not given");
      }
    }
  }
  for (const size_t again : match.reruns.maps) {
    const MapRequest& request = requests[match.maps[again]];
    if (request.method) continue;
    throw Error(Fault::spec, name_of(match.spec) + " would compute the map '" + request.name +
                                 "' again, but an annotation does not depend on the input");
  }
  return match;
}

// A map that is only the source of inputs through which no gradient passes needs no graph: where the matcher stops it,
// and where every map that is computed on them is stopped.
void ConsistencyLoss::Parts::stop_graphs() {
  const auto passes = [&, given = requests](const Match& match) {
    const bool recorded = match.scores || std::any_of(match.reruns.maps.begin(), match.reruns.maps.end(),
                                                      [&](size_t again) { return given[match.maps[again]].graph; });
    return !match.spec.stop_gradient && recorded;
  };
  const auto is_measured = [&](size_t map) {
    return std::any_of(terms.begin(), terms.end(),
                       [&](const Term& term) { return term.measure && holds(term.maps, map); });
  };
  for (size_t map = 0; map < requests.size(); ++map) {
    const bool needed = is_measured(map) || std::any_of(matches.begin(), matches.end(), [&](const Match& match) {
                          const auto place = std::find(match.maps.begin(), match.maps.end(), map);
                          if (place == match.maps.end()) return false;
                          const auto index = static_cast<size_t>(place - match.maps.begin());
                          return holds(match.reruns.sources, index) ? passes(match) : match.compares;
                        });
    requests[map].graph = requests[map].graph && needed;
  }
}

void ConsistencyLoss::Parts::find_without_gradient(const Catalogue& catalogue) {
  for (size_t map = 0; map < requests.size(); ++map) {
    if (requests[map].graph && !descriptors[map].differentiable) without_gradient = descriptors[map].id;
  }
  const auto check = [&](ComponentKind kind, const std::string& id) {
    if (!catalogue.component(kind, id).descriptor.differentiable) without_gradient = id;
  };
  for (size_t i = 0; i < terms.size(); ++i) {
    const auto& maps = terms[i].maps;
    if (std::none_of(maps.begin(), maps.end(), [&](size_t map) { return requests[map].graph; })) continue;
    if (terms[i].match) check(ComponentKind::matcher, spec.terms[i].match.matcher.id);
    if (terms[i].comparison.correlation) check(ComponentKind::correlation, spec.terms[i].compare.id);
  }
}

void ConsistencyLoss::Parts::require_gradients() const {
  if (without_gradient.empty()) return;
  throw Error(Fault::spec,
              "'" + without_gradient +
                  "' is not differentiable; of a map, \"stop_gradient\": true keeps it out of the gradient");
}

bool ConsistencyLoss::Parts::any_graph() const {
  return std::any_of(requests.begin(), requests.end(), [](const MapRequest& request) { return request.graph; }) ||
         std::any_of(matches.begin(), matches.end(), [](const Match& match) { return match.scores; });
}

}  // namespace attune
