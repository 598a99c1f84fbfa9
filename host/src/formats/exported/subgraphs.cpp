#include <attune/sdk/error.h>

#include "formats/exported/program.h"

namespace attune {
namespace {

using nlohmann::json;

const std::string higher_order = "torch.ops.higher_order.";
constexpr const char* gradient_switch = "wrap_with_set_grad_enabled";
constexpr const char* autocast = "wrap_with_autocast";

// What the names of one graph are in the flat one.
struct Names {
  std::string prefix;
  std::map<std::string, std::string> known = {};

  std::string of(const std::string& name) const {
    const auto found = known.find(name);
    return found == known.end() ? prefix + name : found->second;
  }
};

// In an argument or a result.
void rename(json& value, const Names& names) {
  if (!value.is_structured()) return;
  for (auto entry = value.begin(); entry != value.end(); ++entry) {
    const bool is_name = value.is_object() && entry->is_string() && (entry.key() == "name" || entry.key() == "as_name");
    if (is_name) {
      *entry = names.of(entry->get<std::string>());
    } else {
      rename(*entry, names);
    }
  }
}

// Of all values in a list of arguments.
std::vector<std::string> names_in(const json& arguments) {
  std::vector<std::string> names;
  for (const json& argument : arguments) {
    const auto [kind, content] = union_of(argument);
    if (content.is_object() && content.contains("as_name")) {
      names.push_back(content["as_name"].get<std::string>());
      continue;
    }
    const std::vector<std::string> tensors = tensors_of(json::array({argument}));
    if (tensors.empty()) {
      throw Error(Fault::input,
                  "gives a graph within its graph an argument of the kind '" + kind + "', which is not known here");
    }
    names.insert(names.end(), tensors.begin(), tensors.end());
  }
  return names;
}

class FlatGraph {
 public:
  explicit FlatGraph(json& program) : graph_(program.at("graph")) {
    Names names;
    json nodes = json::array();
    add(graph_.at("nodes"), names, nodes);
    graph_["nodes"] = std::move(nodes);
    rename(graph_.at("outputs"), names);
    rename(program.at("signature").at("output_specs"), names);
  }

 private:
  void add(json& nodes, Names& names, json& flat) {
    for (json& node : nodes) {
      const auto target = node.at("target").get<std::string>();
      if (target == higher_order + gradient_switch || target == higher_order + autocast) {
        add_within(target.substr(higher_order.size()), node, names, flat);
        continue;
      }
      for (json& input : node.at("inputs")) rename(input.at("arg"), names);
      rename(node.at("outputs"), names);
      flat.push_back(std::move(node));
    }
  }

  void add_within(const std::string& context, json& node, Names& names, json& flat) {
    json& inputs = node.at("inputs");
    size_t place = 0;
    while (place < inputs.size() && !inputs[place].at("arg").contains("as_graph")) ++place;
    if (place == inputs.size()) throw Error(Fault::input, "is damaged: its " + context + " has no graph");
    json& inner = inputs[place]["arg"]["as_graph"].at("graph");
    json given = json::array();
    for (size_t i = place + 1; i < inputs.size(); ++i) given.push_back(inputs[i].at("arg"));
    const auto taken = names_in(inner.at("inputs")), arguments = names_in(given), made = names_in(inner.at("outputs")),
               results = names_in(node.at("outputs"));
    if (taken.size() != arguments.size() || made.size() != results.size())
      throw Error(Fault::input, "is damaged: the graph of its " + context + " has another number of arguments");
    Names own{std::to_string(++count_) + "/"};
    for (size_t i = 0; i < taken.size(); ++i) own.known[taken[i]] = names.of(arguments[i]);
    for (auto& [name, value] : inner.at("tensor_values").items()) graph_["tensor_values"][own.of(name)] = value;
    const bool switches = context == gradient_switch;
    json settings(inputs.begin(), inputs.begin() + static_cast<std::ptrdiff_t>(place));
    const auto begins =
        switches && place > 0 ? std::exchange(gradients_, settings[0].at("arg").value("as_bool", true)) : gradients_;
    flat.push_back({{"target", switches ? set_gradients_target : enter_autocast_target},
                    {"inputs", std::move(settings)},
                    {"outputs", json::array()}});
    add(inner.at("nodes"), own, flat);
    json restored = json::array();
    if (switches) restored.push_back({{"name", ""}, {"arg", {{"as_bool", gradients_ = begins}}}});
    flat.push_back({{"target", switches ? set_gradients_target : exit_autocast_target},
                    {"inputs", std::move(restored)},
                    {"outputs", json::array()}});
    for (size_t i = 0; i < results.size(); ++i) names.known[results[i]] = own.of(made[i]);
  }

  json& graph_;
  int count_ = 0;
  bool gradients_ = true;
};

}  // namespace

void inline_subgraphs(json& program) { FlatGraph{program}; }

}  // namespace attune
