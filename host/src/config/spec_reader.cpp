// A spec's text -> a Spec whose every name and value is known to be good.

#include <algorithm>
#include <exception>
#include <optional>
#include <set>

#include <attune/spec.h>

#include "config/component_reader.h"
#include "config/form.h"
#include "config/rules.h"
#include "json/reader.h"

namespace attune {
namespace {

bool is_index(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

class SpecReader {
 public:
  SpecReader(DocumentReader& reader, const Catalogue& catalogue, const ModelNames& model)
      : reader_(reader), components_(reader_, catalogue, model), catalogue_(catalogue), labels_(model.labels) {}

  Spec read(const JsonAt& root) {
    reader_.object(root, {{"$schema", [&](const JsonAt& at) { reader_.text(at); }},
                          {"version", [&](const JsonAt& at) { read_version(at); }, true},
                          {"description", [&](const JsonAt& at) { spec_.description = reader_.text(at).value_or(""); }},
                          {"target", [&](const JsonAt& at) { read_targets(at); }},
                          {"maps", [&](const JsonAt& at) { read_maps(at); }, true},
                          {"terms", [&](const JsonAt& at) { read_terms(at); }, true},
                          {"reduction", [&](const JsonAt& at) { read_word(at, reduction_words, spec_.reduction); }}});
    return std::move(spec_);
  }

 private:
  template <class Value>
  void read_word(const JsonAt& at, const Words<Value>& words, Value& value) {
    const auto chosen = reader_.choice(at, names_of(words));
    if (chosen) value = words[*chosen].second;
  }

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
    const bool is_number = at.node.kind == JsonNode::Kind::integer;
    if (!is_number && at.node.kind != JsonNode::Kind::string) return reader_.fail(at, no_target(shown(at.node)));
    const std::string target = is_number ? std::to_string(at.node.integer) : at.node.text;
    const std::string fault = target_fault(target);
    if (!fault.empty()) return reader_.fail(at, fault);
    if (!seen_targets_.insert(target).second) {
      return reader_.fail(at, "target " + in_quotes(target) + " stands twice");
    }
    spec_.targets.push_back(target);
  }

  static std::string no_target(const std::string& found) {
    return "must be \"top1\", \"top5\", a class index or a label, not " + found;
  }

  std::string target_fault(const std::string& target) const {
    const std::string rank = target.compare(0, 3, "top") == 0 ? target.substr(3) : "";
    if (target.empty() || (is_index(rank) && rank.find_first_not_of('0') == std::string::npos)) {
      return no_target(in_quotes(target));
    }
    if (target[0] == '-' && is_index(target.substr(1))) {
      return "must be a class index of at least 0, not " + shortened(target);
    }
    if (is_index(rank) || is_index(target)) return index_fault(target, is_index(rank) ? rank : target);
    const auto count = std::count(labels_.begin(), labels_.end(), target);
    if (labels_.empty() || count == 1) return "";
    if (count == 0) return "no class is called " + in_quotes(target) + nearest_of(target, labels_);
    return std::to_string(count) + " classes are called " + in_quotes(target) + "; name one by its index";
  }

  std::string index_fault(const std::string& target, const std::string& digits) const {
    if (digits.size() > 9) return "must be a number of at most nine digits, not " + shortened(target);
    const bool is_rank = digits.size() < target.size();
    if (is_rank || labels_.empty() || std::stoul(digits) < labels_.size()) return "";
    return "must be a class index of at most " + std::to_string(labels_.size() - 1) + ", not " + target;
  }

  void read_maps(const JsonAt& at) {
    if (!reader_.is_object(at)) return;
    if (at.node.members.empty()) reader_.fail(at, "must hold at least one map");
    for (const JsonMember& member : at.node.members) {
      if (!reader_.is_name(member.key)) reader_.fail(at, member, reader_.no_name(member.key, "map"));
      MapSpec map;
      map.name = member.key;
      map.method = components_.read(at.member(member), ComponentKind::method, {stop_gradient_key(map.stop_gradient)});
      infos_[map.name] = info_of(map, catalogue_);
      map_names_.push_back(map.name);
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
      spec_.terms.push_back(std::move(term));
    }
  }

  void read_term(const JsonAt& at, TermSpec& term) {
    maps_are_good_ = false;
    reader_.object(
        at, {{"name", [&](const JsonAt& value) { read_term_name(value, term); }},
             {"maps", [&](const JsonAt& value) { read_term_maps(value, term); }, true},
             {"match", [&](const JsonAt& value) { read_match(value, term); }, true},
             {"normalise", [&](const JsonAt& value) { read_word(value, normalise_words, term.normalise); }},
             {"compare",
              [&](const JsonAt& value) { term.compare = components_.read(value, ComponentKind::correlation); }, true},
             {"weight", [&](const JsonAt& value) { term.weight = reader_.number(value).value_or(1); }}});
    if (term_names_.insert(term.name).second) return;
    reader_.fail(at.at("name"), "two terms are called " + in_quotes(term.name));
  }

  void read_term_name(const JsonAt& at, TermSpec& term) {
    const auto name = reader_.text(at);
    if (!name) return;
    if (!reader_.is_name(*name)) return reader_.fail(at, reader_.no_name(*name, "term"));
    term.name = *name;
  }

  void read_term_maps(const JsonAt& at, TermSpec& term) {
    if (!reader_.is_filled_list(at)) return;
    std::set<std::string> seen;
    for (size_t i = 0; i < at.node.items.size(); ++i) {
      const JsonAt item = at.item(i);
      const auto name = reader_.text(item);
      if (!name) continue;
      if (!seen.insert(*name).second) {
        reader_.fail(item, "map " + in_quotes(*name) + " stands twice");
      } else if (infos_.count(*name) != 0) {
        term.maps.push_back(*name);
      } else if (!infos_.empty()) {  // without any, that is the fault
        reader_.fail(item, unknown_map(*name, map_names_));
      }
    }
    if (at.node.items.size() < 2) reader_.fail(at, "a term compares at least two maps");
    maps_are_good_ = term.maps.size() == at.node.items.size() && term.maps.size() >= 2;
  }

  void read_match(const JsonAt& at, TermSpec& term) {
    MatchSpec& match = term.match;
    const KnownMaps known{maps_are_good_ ? term.maps : map_names_, map_names_};
    match.matcher = components_.read(at, ComponentKind::matcher, {stop_gradient_key(match.stop_gradient)}, known);
    if (match.matcher.id.empty() || !maps_are_good_) return;
    const auto makes_inputs = check_matcher(at, term);
    if (makes_inputs.value_or(true) || !match.stop_gradient) return;
    reader_.fail(at.at("stop_gradient"),
                 in_quotes(match.matcher.id) + " makes no inputs from maps, so there is no gradient to stop");
  }

  // Whether the matcher makes inputs from the term's maps; nothing, with a fault, when it does not take them.
  std::optional<bool> check_matcher(const JsonAt& at, const TermSpec& term) {
    const ComponentSpec& spec = term.match.matcher;
    const std::string failed = "matcher " + in_quotes(spec.id) + " cannot say what it computes again: ";
    try {
      std::vector<MapInfo> infos;
      for (const std::string& name : term.maps) infos.push_back(infos_[name]);
      return !catalogue_.make_matcher(spec.id, spec.parameters)->reruns(infos).maps.empty();
    } catch (const Error& error) {
      reader_.fail(at, error.what());
    } catch (const std::exception& error) {
      // LibTorch's exceptions go on with a stack trace.
      const std::string message = error.what();
      reader_.fail(at, failed + message.substr(0, message.find('\n')));
    } catch (...) {
      reader_.fail(at, failed + "it threw something that is not a std::exception");
    }
    return std::nullopt;
  }

  DocumentReader& reader_;
  ComponentReader components_;
  const Catalogue& catalogue_;
  const std::vector<std::string>& labels_;
  Spec spec_;
  std::set<std::string> seen_targets_;
  std::vector<std::string> map_names_;
  std::map<std::string, MapInfo> infos_;  // of all maps
  std::set<std::string> term_names_;
  bool maps_are_good_ = false;  // those of the term that is being read
};

}  // namespace

Spec parse_spec(const std::string& text, const std::string& name, const Catalogue& catalogue, const ModelNames& model) {
  Spec spec;
  parse_document(text, name, {}, [&](DocumentReader& reader, const JsonAt& root) {
    spec = SpecReader(reader, catalogue, model).read(root);
  });
  return spec;
}

Spec read_spec(const std::filesystem::path& file, const Catalogue& catalogue, const ModelNames& model) {
  return parse_spec(read_document(file, "spec"), file.string(), catalogue, model);
}

}  // namespace attune
