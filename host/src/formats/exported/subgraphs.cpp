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

std::string name_in(const json& argument) {
  const auto [kind, content] = union_of(argument);
  for (const char* key : {"name", "as_name"}) {
    if (content.is_object() && content.contains(key)) return content[key].get<std::string>();
  }
  throw Error(Fault::input, "gives a part of itself an argument of the kind '" + kind + "', which is not known here");
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
    const json& taken = inner.at("inputs");
    if (taken.size() != inputs.size() - place - 1 || inner.at("outputs").size() != node.at("outputs").size())
      throw Error(Fault::input, "is damaged: the graph of its " + context + " has another number of arguments");
    Names own{std::to_string(++count_) + "/"};
    for (size_t i = 0; i < taken.size(); ++i)
      own.known[name_in(taken[i])] = names.of(name_in(inputs[place + 1 + i].at("arg")));
    for (auto& [name, value] : inner.at("tensor_values").items()) graph_["tensor_values"][own.of(name)] = value;
    const bool switches = context == gradient_switch;
    json arguments(inputs.begin(), inputs.begin() + static_cast<std::ptrdiff_t>(place));
    const auto begins =
        switches && place > 0 ? std::exchange(gradients_, arguments[0].at("arg").value("as_bool", true)) : gradients_;
    flat.push_back({{"target", switches ? set_gradients_target : enter_autocast_target},
                    {"inputs", std::move(arguments)},
                    {"outputs", json::array()}});
    add(inner.at("nodes"), own, flat);
    json restored = json::array();
    if (switches) restored.push_back({{"name", ""}, {"arg", {{"as_bool", gradients_ = begins}}}});
    flat.push_back({{"target", switches ? set_gradients_target : exit_autocast_target},
                    {"inputs", std::move(restored)},
                    {"outputs", json::array()}});
    for (size_t i = 0; i < node["outputs"].size(); ++i)
      names.known[name_in(node["outputs"][i])] = own.of(name_in(inner["outputs"][i]));
  }

  json& graph_;
  int count_ = 0;
  bool gradients_ = true;
};

}  // namespace

void inline_subgraphs(json& program) { FlatGraph{program}; }

}  // namespace attune
