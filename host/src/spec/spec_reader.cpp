// A spec's text -> a Spec whose every name and value is known to be good.

#include <algorithm>
#include <fstream>
#include <sstream>

#include <attune/spec.h>

#include "spec/document_reader.h"

namespace attune {
namespace {

constexpr uintmax_t largest_file = 1 << 20;
constexpr size_t most_faults_told = 100;

const std::vector<std::string> normalise_names = {"none", "standardise", "standardise_sigmoid", "minmax"};
const std::vector<std::string> reduction_names = {"mean", "sum"};

std::string said(const std::string& file, const SpecFault& fault) {
  const std::string at = fault.pointer.empty() ? "" : " at " + fault.pointer;
  return file + ":" + std::to_string(fault.line) + ":" + std::to_string(fault.column) + at + ": " + fault.message;
}

std::string all_said(const std::string& file, const std::vector<SpecFault>& faults) {
  std::string text;
  for (size_t i = 0; i < std::min(faults.size(), most_faults_told); ++i) {
    text += (text.empty() ? "" : "\n") + said(file, faults[i]);
  }
  const size_t more = faults.size() - std::min(faults.size(), most_faults_told);
  return more == 0 ? text : text + "\n" + file + ": and " + std::to_string(more) + " more";
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_index(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

class SpecReader {
 public:
  SpecReader(const JsonDocument& document, const Catalogue& catalogue, const ModelNames& model)
      : reader_(document), catalogue_(catalogue), model_(model) {}

  Spec read(const JsonAt& root) {
    reader_.object(root, {{"$schema", [&](const JsonAt& at) { reader_.text(at); }},
                          {"version", [&](const JsonAt& at) { read_version(at); }, true},
                          {"description", [&](const JsonAt& at) { spec_.description = reader_.text(at).value_or(""); }},
                          {"target", [&](const JsonAt& at) { read_targets(at); }},
                          {"maps", [&](const JsonAt& at) { read_maps(at); }, true},
                          {"terms", [&](const JsonAt& at) { read_terms(at); }, true},
                          {"reduction", [&](const JsonAt& at) {
                             const auto chosen = reader_.choice(at, reduction_names);
                             if (chosen) spec_.reduction = static_cast<Reduction>(*chosen);
                           }}});
    return std::move(spec_);
  }

  std::vector<SpecFault> take_faults() { return reader_.take_faults(); }

 private:
  using Keys = std::vector<DocumentReader::Key>;

  void read_version(const JsonAt& at) {
    if (at.node.kind == JsonNode::Kind::integer && at.node.integer == 1) return;
    reader_.fail(at, "must be 1, the version of specs that this attune reads, not " + shown(at.node));
  }

  void read_targets(const JsonAt& at) {
    spec_.targets.clear();
    if (at.node.kind != JsonNode::Kind::array) return read_target(at);
    if (!reader_.is_filled_list(at)) return;
    for (size_t i = 0; i < at.node.items.size(); ++i) read_target(at.item(i));
  }

  void read_target(const JsonAt& at) {
    const bool is_integer = at.node.kind == JsonNode::Kind::integer;
    if (!is_integer && at.node.kind != JsonNode::Kind::string) {
      return reader_.fail(at, "must be \"top1\", \"top5\", a class index or a label, not " + shown(at.node));
    }
    const std::string target = is_integer ? std::to_string(at.node.integer) : at.node.text;
    const std::string fault = fault_of_target(target);
    if (!fault.empty()) return reader_.fail(at, fault);
    if (contains(spec_.targets, target)) return reader_.fail(at, "target " + in_quotes(target) + " stands twice");
    spec_.targets.push_back(target);
  }

  std::string fault_of_target(const std::string& target) const {
    const std::string rest = target.substr(0, 3) == "top" ? target.substr(3) : "";
    const std::vector<std::string>& labels = model_.labels;
    if (target.empty()) return "must name a class";
    if (target[0] == '-' && is_index(target.substr(1))) return "must be a class index of at least 0, not " + target;
    const bool is_number = is_index(target) || is_index(rest);
    if (is_number && target.size() > 9) return "is no class: " + in_quotes(target) + " is too large";
    if (is_index(rest) && std::stol(rest) == 0) return "\"top0\" is no class; expected \"top1\", \"top2\"...";
    if (is_index(target) && !labels.empty() && std::stoul(target) >= labels.size()) {
      return "must be a class index of at most " + std::to_string(labels.size() - 1) + ", not " + target;
    }
    if (is_number || labels.empty() || contains(labels, target)) return "";
    return "no class is called " + in_quotes(target) + did_you_mean(target, labels);
  }

  void read_maps(const JsonAt& at) {
    if (!reader_.is_object(at)) return;
    if (at.node.members.empty()) reader_.fail(at, "must not be empty");
    for (const JsonMember& member : at.node.members) {
      if (!reader_.is_name(member.key)) {
        reader_.fail(at, member, in_quotes(member.key) + " is no name for a map: 1 to 64 letters, digits, '_' and '-' are");
      }
      map_names_.push_back(member.key);
      MapSpec map;
      map.name = member.key;
      map.method = component(at.member(member), ComponentKind::method, {stop_gradient_key(map.stop_gradient)});
      spec_.maps.push_back(std::move(map));
    }
  }

  DocumentReader::Key stop_gradient_key(bool& value) {
    return {"stop_gradient", [this, &value](const JsonAt& at) { value = reader_.boolean(at).value_or(false); }};
  }

  void read_terms(const JsonAt& at) {
    if (!reader_.is_filled_list(at)) return;
    for (size_t i = 0; i < at.node.items.size(); ++i) {
      TermSpec term;
      term.name = "term" + std::to_string(i);
      read_term(at.item(i), term);
      if (contains(term_names_, term.name)) reader_.fail(at.item(i), "two terms are called " + in_quotes(term.name));
      term_names_.push_back(term.name);
      spec_.terms.push_back(std::move(term));
    }
  }

  void read_term(const JsonAt& at, TermSpec& term) {
    reader_.object(at, {{"name", [&](const JsonAt& value) { read_term_name(value, term); }},
                        {"maps", [&](const JsonAt& value) { read_term_maps(value, term); }, true},
                        {"match", [&](const JsonAt& value) { read_match(value, term); }, true},
                        {"normalise",
                         [&](const JsonAt& value) {
                           const auto chosen = reader_.choice(value, normalise_names);
                           if (chosen) term.normalise = static_cast<Normalise>(*chosen);
                         }},
                        {"compare",
                         [&](const JsonAt& value) {
                           term.compare = component(value, ComponentKind::correlation, {});
                         },
                         true},
                        {"weight", [&](const JsonAt& value) { term.weight = reader_.number(value).value_or(1); }}});
  }

  void read_term_name(const JsonAt& at, TermSpec& term) {
    const auto name = reader_.text(at);
    if (!name) return;
    if (reader_.is_name(*name)) {
      term.name = *name;
    } else {
      reader_.fail(at, in_quotes(*name) + " is no name for a term: 1 to 64 letters, digits, '_' and '-' are");
    }
  }

  void read_term_maps(const JsonAt& at, TermSpec& term) {
    if (!reader_.is_filled_list(at)) return;
    for (size_t i = 0; i < at.node.items.size(); ++i) {
      const JsonAt item = at.item(i);
      const auto name = reader_.text(item);
      if (!name) continue;
      if (!contains(map_names_, *name)) {
        reader_.fail(item, unknown_map(*name, map_names_));
      } else if (contains(term.maps, *name)) {
        reader_.fail(item, "map " + in_quotes(*name) + " stands twice");
      } else {
        term.maps.push_back(*name);
      }
    }
    if (at.node.items.size() < 2) reader_.fail(at, "a term compares at least two maps");
  }

  static std::string unknown_map(const std::string& name, const std::vector<std::string>& known) {
    return "unknown map " + in_quotes(name) + "; maps are " + quoted_list(known) + did_you_mean(name, known);
  }

  void read_match(const JsonAt& at, TermSpec& term) {
    term_maps_ = term.maps;
    MatchSpec& match = term.match;
    match.matcher = component(at, ComponentKind::matcher, {stop_gradient_key(match.stop_gradient)});
    if (match.matcher.id.empty() || term.maps.size() < 2) return;
    try {
      const auto matcher = catalogue_.make_matcher(match.matcher.id, match.matcher.parameters);
      const bool reruns = !matcher->reruns(map_infos(term.maps)).maps.empty();
      if (match.stop_gradient && !reruns) {
        reader_.fail(at, in_quotes(match.matcher.id) + " makes no input from a map, so that there is no gradient to stop");
      }
    } catch (const Error& error) {
      reader_.fail(at, error.what());
    }
  }

  std::vector<MapInfo> map_infos(const std::vector<std::string>& names) const {
    std::vector<MapInfo> infos;
    for (const std::string& name : names) {
      const auto is_it = [&](const MapSpec& m) { return m.name == name; };
      const auto map = std::find_if(spec_.maps.begin(), spec_.maps.end(), is_it);
      const Component* method = catalogue_.find(map->method.id);
      infos.push_back({name, method != nullptr && method->descriptor.at_input_resolution});
    }
    return infos;
  }

  // "id" or {"use": "id", parameters..., and the keys of `own`}. The id is empty when something is wrong.
  ComponentSpec component(const JsonAt& at, ComponentKind kind, const Keys& own) {
    const JsonNode* use = &at.node;
    JsonAt use_at = at;
    if (at.node.kind == JsonNode::Kind::object) {
      use = at.node.find("use");
      if (use == nullptr) return reader_.fail(at, "\"use\" is missing: the id of a " + to_string(kind)), ComponentSpec{};
      use_at.pointer = pointer_to(at.pointer, "use");
    }
    const JsonAt named{*use, use_at.pointer};
    if (use->kind != JsonNode::Kind::string) {
      reader_.fail(named, "must be the id of a " + to_string(kind) + ", not " + shown(*use));
      return {};
    }
    const Descriptor* descriptor = nullptr;
    try {
      descriptor = &catalogue_.component(kind, use->text).descriptor;
    } catch (const Error& error) {
      reader_.fail(named, error.what());
      return {};
    }
    return with_parameters(at, *descriptor, own);
  }

  ComponentSpec with_parameters(const JsonAt& at, const Descriptor& descriptor, const Keys& own) {
    ComponentSpec component{descriptor.id, {}};
    bool good = true;
    for (const JsonMember& member : at.node.members) {
      if (member.key == "use") continue;
      const auto is_it = [&](const DocumentReader::Key& key) { return key.name == member.key; };
      const auto key = std::find_if(own.begin(), own.end(), is_it);
      if (key != own.end()) {
        key->read(at.member(member));
      } else {
        good = read_parameter(at, member, descriptor, own, component) && good;
      }
    }
    for (const ParameterDeclaration& declared : descriptor.parameters) {
      if (declared.type != ParameterType::map || !(declared.default_value == ParameterValue(std::string()))) continue;
      if (at.node.find(declared.name) != nullptr) continue;
      reader_.fail(at, in_quotes(descriptor.id) + " needs \"" + declared.name + "\": " + declared.help);
      good = false;
    }
    return good && can_be_made(at, descriptor, component) ? component : ComponentSpec{};
  }

  bool read_parameter(const JsonAt& at, const JsonMember& member, const Descriptor& descriptor, const Keys& own,
                      ComponentSpec& component) {
    std::vector<std::string> names;
    const ParameterDeclaration* declared = nullptr;
    for (const ParameterDeclaration& declaration : descriptor.parameters) {
      names.push_back(declaration.name);
      if (declaration.name == member.key) declared = &declaration;
    }
    for (const DocumentReader::Key& key : own) names.push_back(key.name);
    if (declared == nullptr) {
      const std::string known = names.empty() ? "it has none" : "they are " + quoted_list(names);
      reader_.fail(at, member,
                   in_quotes(descriptor.id) + " has no parameter " + in_quotes(member.key) + "; " + known +
                       did_you_mean(member.key, names));
      return false;
    }
    const auto value = parameter_value(member.value);
    const std::string fault = value ? fault_of(*declared, *value) : "is of the wrong type: " + shown(member.value);
    if (fault.empty()) {
      component.parameters[member.key] = *value;
    } else {
      reader_.fail(at.member(member), fault);
    }
    return fault.empty();
  }

  std::string fault_of(const ParameterDeclaration& declared, const ParameterValue& value) const {
    const std::string fault = check_value(declared, value);
    const auto* name = std::get_if<std::string>(&value);
    if (!fault.empty() || name == nullptr) return fault;
    if (declared.type == ParameterType::map && !contains(term_maps_, *name)) return unknown_map(*name, term_maps_);
    const bool is_known = *name == "auto" || model_.layers.empty() || contains(model_.layers, *name);
    if (declared.type != ParameterType::layer || is_known) return "";
    return "unknown layer " + in_quotes(*name) + did_you_mean(*name, model_.layers) + "; `attune layers` lists all " +
           std::to_string(model_.layers.size());
  }

  // Some combinations of parameters only the component itself can refuse.
  bool can_be_made(const JsonAt& at, const Descriptor& descriptor, const ComponentSpec& component) {
    try {
      if (descriptor.kind == ComponentKind::method) catalogue_.make_method(component.id, component.parameters);
      if (descriptor.kind == ComponentKind::matcher) catalogue_.make_matcher(component.id, component.parameters);
      if (descriptor.kind == ComponentKind::correlation) catalogue_.make_correlation(component.id, component.parameters);
      return true;
    } catch (const Error& error) {
      reader_.fail(at, error.what());
      return false;
    }
  }

  DocumentReader reader_;
  const Catalogue& catalogue_;
  const ModelNames& model_;
  Spec spec_;
  std::vector<std::string> map_names_;
  std::vector<std::string> term_names_;
  std::vector<std::string> term_maps_;  // of the term that is being read
};

std::string read_file(const std::filesystem::path& file) {
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  std::ifstream stream(file, std::ios::binary);
  if (error || !stream) throw Error(Fault::spec, "spec '" + file.string() + "' cannot be read");
  if (size > largest_file) {
    throw Error(Fault::spec, "spec '" + file.string() + "' has " + std::to_string(size) +
                                 " bytes; a spec has at most " + std::to_string(largest_file));
  }
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

}  // namespace

SpecError::SpecError(const std::string& file, std::vector<SpecFault> faults)
    : Error(Fault::spec, all_said(file, faults)), faults_(std::move(faults)) {}

Spec parse_spec(const std::string& text, const std::string& name, const Catalogue& catalogue,
                const ModelNames& model) {
  const JsonDocument document = parse_json(text);
  SpecReader reader(document, catalogue, model);
  Spec spec;
  if (document.complete) spec = reader.read({document.root, ""});
  auto faults = reader.take_faults();
  if (!faults.empty()) throw SpecError(name, std::move(faults));
  return spec;
}

Spec read_spec(const std::filesystem::path& file, const Catalogue& catalogue, const ModelNames& model) {
  return parse_spec(read_file(file), file.string(), catalogue, model);
}

}  // namespace attune
