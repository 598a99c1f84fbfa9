#include "config/spec_keys.h"

#include <exception>
#include <set>

#include "base/target_text.h"
#include "config/component.h"

namespace attune {
namespace {

using Names = std::vector<std::string>;
using Node = JsonNode::Kind;

const Words<Normalise> normalise_words = {{"none", Normalise::none},
                                          {"standardise", Normalise::standardise},
                                          {"standardise_sigmoid", Normalise::standardise_sigmoid},
                                          {"minmax", Normalise::minmax},
                                          {"unit", Normalise::unit}};
const Words<Measure> measure_words = {{"total_variation", Measure::total_variation},
                                      {"entropy", Measure::entropy},
                                      {"gini", Measure::gini},
                                      {"area", Measure::area}};
const Words<Score> score_words = {{"logit", Score::logit},
                                  {"probability", Score::probability},
                                  {"cross_entropy", Score::cross_entropy},
                                  {"kl", Score::kl}};
const Words<Annotated> annotated_words = {{"target", Annotated::target}, {"all", Annotated::all}};
const Words<Reduction> reduction_words = {{"mean", Reduction::mean}, {"sum", Reduction::sum}};

// What stands for a method where a map is the samples' annotation.
const std::string annotation = "annotation";

// Of the input, whose maps a map with "noise" is the mean of.
constexpr int64_t noisy_copies = 8;

// Why a key means nothing in a spec of version 1.
const std::string needs_second_version = "it needs \"version\": 2";

std::string no_target(const std::string& found) {
  return "must be \"top1\", \"top5\", a class index or a label, not " + found;
}

std::string target_fault(const std::string& text, const Names& labels) {
  const TargetText target = parse_target(text, labels);
  if (!target.fault.empty()) return "target " + in_quotes(text) + " " + target.fault;
  const std::string minus = target.get("minus");
  if (!minus.empty() && !target_parts::is_counted(minus, "similar")) {
    if (const std::string fault = target_fault(minus, labels); !fault.empty()) return "minus: " + fault;
  }
  switch (target.kind) {
    case TargetText::Kind::rank:
      return target.number == 0 ? no_target(in_quotes(target.name)) : "";
    case TargetText::Kind::index:
      if (labels.empty() || static_cast<size_t>(target.number) < labels.size()) return "";
      return "must be a class index of at most " + std::to_string(labels.size() - 1) + ", not " + target.name;
    case TargetText::Kind::all:
      return "";
    case TargetText::Kind::other:
      if (target.name.empty()) return no_target(in_quotes(text));
      return (target.name[0] == '-' ? "must be a class index of at least 0, not "
                                    : "must be a number of at most nine digits, not ") +
             shortened(target.name);
    default: {
      const auto count = std::count(labels.begin(), labels.end(), target.name);
      if (labels.empty() || count == 1) return "";
      if (count == 0) return "no class is called " + in_quotes(target.name) + nearest_of(target.name, labels);
      return std::to_string(count) + " classes are called " + in_quotes(target.name) + "; name one by its index";
    }
  }
}

// {"class": "top1", "minus": "similar3"} as the text of a target. "" with a fault.
std::string text_of_object(DocumentReader& reader, const JsonAt& at) {
  std::string of_class, text;
  const auto word = [&](const JsonAt& item) -> std::string {
    if (item.node.kind == Node::integer) return std::to_string(item.node.integer);
    return reader.text(item).value_or("");
  };
  std::vector<DocumentReader::Key> keys{{"class", [&](const JsonAt& item) { of_class = word(item); }}};
  for (const TargetKey& key : target_keys()) {
    keys.push_back({key.name, [&, name = key.name](const JsonAt& item) {
                      const bool alone = name == "value" && item.node.kind == Node::boolean;
                      text += (text.empty() ? "" : ",") + name + (alone ? "" : "=" + word(item));
                    }});
  }
  reader.object(at, keys);
  return of_class.empty() ? text : text.empty() ? of_class : of_class + ":" + text;
}

// One target as text. "" with a fault.
std::string read_target(DocumentReader& reader, const JsonAt& at, const Names& labels) {
  const bool is_number = at.node.kind == Node::integer, is_object = at.node.kind == Node::object;
  if (!is_number && !is_object && at.node.kind != Node::string) {
    reader.fail(at, no_target(shown(at.node)));
    return "";
  }
  const std::string target = is_number   ? std::to_string(at.node.integer)
                             : is_object ? text_of_object(reader, at)
                                         : at.node.text;
  if (is_object && target.empty()) return "";
  const std::string fault = target_fault(target, labels);
  if (!fault.empty()) reader.fail(at, fault);
  return fault.empty() ? target : "";
}

// One target, or a list of them.
Form<Names> targets_form(const SpecContext* context) {
  const auto read = [context](DocumentReader& reader, const JsonAt& at, Names& targets) {
    targets.clear();
    const auto add = [&](const JsonAt& item) {
      const std::string target = read_target(reader, item, context->model.labels);
      if (target.empty()) return;
      if (std::count(targets.begin(), targets.end(), target) == 0) return targets.push_back(target);
      reader.fail(item, "target " + in_quotes(target) + " stands twice");
    };
    if (at.node.kind != Node::array) return add(at);
    if (!reader.is_filled_list(at)) return;
    for (size_t i = 0; i < at.node.items.size(); ++i) add(at.item(i));
  };
  const Json one = target_schema();
  const Json many = {{"type", "array"}, {"items", one}, {"minItems", 1}, {"uniqueItems", true}};
  const auto write = [](const Names& targets) { return targets.size() == 1 ? Json(targets[0]) : Json(targets); };
  return {read, write, {{"anyOf", {one, many}}}};
}

DocumentReader::Key stop_gradient_key(DocumentReader& reader, bool& value) {
  return {"stop_gradient", [&](const JsonAt& at) { value = reader.boolean(at).value_or(false); }};
}

// What `of` is read with, in a spec of a version that has it.
DocumentReader::Key second_version(DocumentReader& reader, const Spec& spec, DocumentReader::Key of) {
  of.read = [&reader, &spec, read = of.read](const JsonAt& at) {
    spec.version < 2 ? reader.fail(at, "means nothing here: " + needs_second_version) : read(at);
  };
  return of;
}

// The name of one of the spec's models. "" with a fault.
std::string read_model_name(DocumentReader& reader, const JsonAt& at, const Spec& spec) {
  const auto name = reader.text(at);
  const Names known = names_of(spec.models);
  if (!name || std::count(known.begin(), known.end(), *name) > 0) return name.value_or("");
  reader.fail(at, "unknown model " + in_quotes(*name) + "; " +
                      (known.empty() ? "\"models\" names none"
                                     : "models are " + quoted_list(known) + nearest_of(*name, known)));
  return "";
}

Key<Spec> models_key() {
  const auto read = [](DocumentReader& reader, const JsonAt& at, Spec& spec) {
    if (!reader.is_object(at)) return;
    for (const JsonMember& member : at.node.members) {
      if (!reader.is_name(member.key)) reader.fail(at, member, reader.no_name(member.key, "model"));
      const auto file = reader.text(at.member(member));
      if (file && file->empty()) reader.fail(at.member(member), "must be a model's file or \"self\", not \"\"");
      spec.models.push_back(
          {member.key, file == "self" ? std::filesystem::path("self") : reader.path(file.value_or(""))});
    }
  };
  const Json file = {{"type", "string"}, {"minLength", 1}};
  const Json schema = {
      {"type", "object"}, {"propertyNames", {{"pattern", name_pattern}}}, {"additionalProperties", file}};
  return Key<Spec>{.name = "models",
                   .help = "Other models that maps may be of: files, relative to the spec's folder, or self",
                   .read = read,
                   .schema = schema}
      .only([](const Spec& spec) { return spec.version >= 2; }, [](const Spec&) { return needs_second_version; });
}

bool is_annotation(const JsonAt& at) {
  return at.says("use", annotation) || (at.node.kind == Node::string && at.node.text == annotation);
}

void read_annotation(DocumentReader& reader, const JsonAt& at, MapSpec& map) {
  map.method = {annotation, {}};
  map.annotated = Annotated::target;
  if (at.node.kind == Node::string) return;
  const auto use = [](const JsonAt&) {};
  const auto of = [&](const JsonAt& item) { form::one_of(annotated_words).read(reader, item, *map.annotated); };
  reader.object(at, {{"use", use}, {"of", of}});
}

void read_map(DocumentReader& reader, const JsonAt& at, const Spec& spec, const SpecContext& context, MapSpec& map) {
  if (spec.version >= 2 && is_annotation(at)) return read_annotation(reader, at, map);
  const auto target = [&](const JsonAt& item) { map.target = read_target(reader, item, context.model.labels); };
  const auto model = [&](const JsonAt& item) { map.model = read_model_name(reader, item, spec); };
  const auto chosen_by = [&](const JsonAt& item) { map.chosen_by = read_model_name(reader, item, spec); };
  const auto noise = [&](const JsonAt& item) { form::number<double>({0, 10}).read(reader, item, map.noise); };
  const ModelNames another{{}, context.model.labels};  // whose layers are not known
  const SpecContext about{context.catalogue, at.has("model") ? another : context.model};
  map.method =
      ComponentReader(reader, about)
          .read(at, ComponentKind::method,
                {stop_gradient_key(reader, map.stop_gradient), second_version(reader, spec, {"target", target}),
                 second_version(reader, spec, {"noise", noise}), second_version(reader, spec, {"model", model}),
                 second_version(reader, spec, {"chosen_by", chosen_by})});
  if (map.noise > 0 && !map.method.id.empty()) {
    map.method = {"smooth", {{"of", map.method}, {"noise", map.noise}, {"samples", noisy_copies}}};
  }
}

Json annotation_schema() {
  const Json object = {
      {"type", "object"},
      {"description", "What is annotated in each sample, from 0 to 1: its boxes or its mask"},
      {"properties",
       {{"use", {{"const", annotation}}}, {"of", {{"enum", names_of(annotated_words)}, {"default", "target"}}}}},
      {"required", Json::array({"use"})},
      {"additionalProperties", false}};
  return {{"anyOf", Json::array({{{"const", annotation}}, object})}};
}

Key<Spec> maps_key(const SpecContext* context) {
  const auto read = [context](DocumentReader& reader, const JsonAt& at, Spec& spec) {
    if (!reader.is_object(at)) return;
    if (at.node.members.empty()) reader.fail(at, "must hold at least one map");
    for (const JsonMember& member : at.node.members) {
      if (!reader.is_name(member.key)) reader.fail(at, member, reader.no_name(member.key, "map"));
      MapSpec map;
      map.name = member.key;
      read_map(reader, at.member(member), spec, *context, map);
      spec.maps.push_back(map);
    }
  };
  const Json schema = {{"type", "object"},
                       {"propertyNames", {{"pattern", name_pattern}}},
                       {"additionalProperties", {{"anyOf", {{{"$ref", "#/$defs/method"}}, annotation_schema()}}}},
                       {"minProperties", 1}};
  return {.name = "maps", .help = "Attention maps by their names", .read = read, .schema = schema, .required = true};
}

// Empty when something is wrong with them.
Form<Names> term_maps_form(const Spec& spec) {
  const size_t least = spec.version < 2 ? 2 : 1;
  const auto read = [known = names_of(spec.maps), least](DocumentReader& reader, const JsonAt& at, Names& names) {
    if (!reader.is_filled_list(at)) return;
    std::set<std::string> seen;
    for (size_t i = 0; i < at.node.items.size(); ++i) {
      const JsonAt item = at.item(i);
      const auto name = reader.text(item);
      if (!name) continue;
      if (!seen.insert(*name).second) {
        reader.fail(item, "map " + in_quotes(*name) + " stands twice");
      } else if (std::count(known.begin(), known.end(), *name) > 0) {
        names.push_back(*name);
      } else if (!known.empty()) {  // without any, that is the fault
        reader.fail(item, unknown_map(*name, known));
      }
    }
    if (at.node.items.size() < least) reader.fail(at, "a term compares at least two maps");
    if (names.size() < std::max(at.node.items.size(), least)) names.clear();
  };
  return {.read = read,
          .schema = {{"type", "array"}, {"items", form::name().schema}, {"minItems", 1}, {"uniqueItems", true}}};
}

// What the matcher computes again of maps of this kind; nothing, with a fault, when it does not take them.
std::optional<Reruns> reruns_of(DocumentReader& reader, const JsonAt& at, const ComponentSpec& matcher,
                                const std::vector<MapInfo>& maps, const Catalogue& catalogue) {
  const std::string failed = "matcher " + in_quotes(matcher.id) + " cannot say what it computes again: ";
  try {
    return catalogue.make_matcher(matcher.id, matcher.parameters)->reruns(maps);
  } catch (const Error& error) {
    reader.fail(at, error.what());
  } catch (const std::exception& error) {
    // LibTorch's exceptions go on with a stack trace.
    const std::string message = error.what();
    reader.fail(at, failed + message.substr(0, message.find('\n')));
  } catch (...) {
    reader.fail(at, failed + "it threw something that is not a std::exception");
  }
  return std::nullopt;
}

// Whether the matcher gives the term what it asks for.
void check_match(DocumentReader& reader, const JsonAt& at, const TermSpec& term, const Reruns& reruns) {
  const std::string id = in_quotes(term.match.matcher.id);
  const bool makes_inputs = !reruns.maps.empty() || !reruns.sources.empty();
  if (term.match.stop_gradient && !makes_inputs) {
    reader.fail(at.at("stop_gradient"), id + " makes no inputs from maps, so there is no gradient to stop");
  }
  if (term.score && !makes_inputs) {
    reader.fail(at, id + " makes no input whose answer could be scored; \"mask\" does");
  }
  if (!term.score && term.maps.size() == 1 && reruns.maps.empty()) {
    reader.fail(at, "a term compares at least two maps, as " + id + " computes none again");
  }
}

// How the maps of a term, which are read before, come to one resolution.
void read_match(DocumentReader& reader, const JsonAt& at, TermSpec& term, const std::vector<MapSpec>& maps,
                const SpecContext& context) {
  MatchSpec& match = term.match;
  const Names all = names_of(maps);
  match.matcher = ComponentReader(reader, context)
                      .read(at, ComponentKind::matcher, {stop_gradient_key(reader, match.stop_gradient)},
                            {term.maps.empty() ? all : term.maps, all});
  if (match.matcher.id.empty() || term.maps.empty()) return;
  std::vector<MapInfo> infos;
  for (const std::string& name : term.maps) {
    const auto map = std::find_if(maps.begin(), maps.end(), [&](const MapSpec& one) { return one.name == name; });
    infos.push_back(info_of(*map, context.catalogue));
  }
  const auto reruns = reruns_of(reader, at, match.matcher, infos, context.catalogue);
  if (reruns) check_match(reader, at, term, *reruns);
}

// A word, alone or as {"use": word}.
template <class E>
Form<E> used_word(const Words<E>& words) {
  const auto read = [words](DocumentReader& reader, const JsonAt& at, E& value) {
    const auto index = read_use(reader, at, names_of(words));
    if (!index) return;
    value = words[*index].second;
    for (const JsonMember& member : at.node.members) {
      if (member.key != "use") reader.fail(at, member, unknown_parameter(words[*index].first, member.key, {}));
    }
  };
  const Json word = {{"enum", names_of(words)}};
  const Json object = {{"type", "object"},
                       {"properties", {{"use", word}}},
                       {"required", Json::array({"use"})},
                       {"additionalProperties", false}};
  return {.read = read, .schema = {{"anyOf", Json::array({word, object})}}};
}

// A term compares, measures or scores.
void check_term(DocumentReader& reader, const JsonAt& at, bool first_version) {
  const bool measures = at.has("measure"), scores = at.has("score"), compares = at.has("compare");
  const int count = int(measures) + int(scores) + int(compares);
  if (!at.has("match") && !measures) reader.fail(at, "\"match\" is missing");
  if (count == 0) {
    reader.fail(at,
                first_version ? "\"compare\" is missing" : "one of \"compare\", \"measure\" and \"score\" is missing");
  }
  if (count > 1) reader.fail(at, "a term compares, measures or scores, one of them");
  if (measures && at.has("match")) reader.refuse(at, "match", "a measure is of each map as it is");
  if (scores && at.has("normalise")) reader.refuse(at, "normalise", "a score is of the model's answer, not of maps");
}

Table<TermSpec> term_table(const SpecContext* context, const Spec& spec) {
  const Form<std::string> name =
      form::checked<std::string>(form::name(), [](DocumentReader& reader, const JsonAt& at, std::string& text) {
        if (at.node.kind != Node::string || reader.is_name(text)) return;
        reader.fail(at, reader.no_name(text, "term"));
        text.clear();
      });
  const auto compare = [context](DocumentReader& reader, const JsonAt& at, ComponentSpec& component) {
    component = ComponentReader(reader, *context).read(at, ComponentKind::correlation);
  };
  const Form<ComponentSpec> compare_form = {.read = compare, .schema = {{"$ref", "#/$defs/correlation"}}};
  const auto match = [context, maps = spec.maps](DocumentReader& reader, const JsonAt& at, TermSpec& term) {
    if (!term.measure) read_match(reader, at, term, maps, *context);
  };
  const Key<TermSpec> match_key = {.name = "match",
                                   .help = "How maps come to one resolution",
                                   .read = match,
                                   .schema = {{"$ref", "#/$defs/matcher"}}};
  const auto is_second = [version = spec.version](const TermSpec&) { return version >= 2; };
  const auto why = [](const TermSpec&) { return needs_second_version; };
  Table<TermSpec> table = {
      {key("name", &TermSpec::name, name, "Names its columns and files"),
       key("measure", &TermSpec::measure, used_word(measure_words),
           "What is taken of each map alone, instead of \"compare\"")
           .only(is_second, why),
       key("score", &TermSpec::score, used_word(score_words),
           "What is taken of the model's answer on the input that the matcher makes, instead of \"compare\"")
           .only(is_second, why),
       key("maps", &TermSpec::maps, term_maps_form(spec), "Maps that are compared, each with each").must_be_given(),
       match_key,
       key("normalise", &TermSpec::normalise, normalise_words,
           "What happens to each matched map, per sample, before it is compared"),
       key("compare", &TermSpec::compare, compare_form, "How alike they are"),
       key("weight", &TermSpec::weight, any_number, "Of the term in the loss")}};
  table.check = [first = spec.version < 2](DocumentReader& reader, const JsonAt& at, TermSpec&) {
    check_term(reader, at, first);
  };
  const auto required = [](const Json& keys) { return Json{{"required", keys}}; };
  Json measures = required(Json::array({"measure"}));
  measures["not"] = required(Json::array({"match"}));
  table.rules["oneOf"] = {required({"compare", "match"}), required({"score", "match"}), measures};
  return table;
}

Key<Spec> terms_key(const SpecContext* context) {
  const auto read = [context](DocumentReader& reader, const JsonAt& at, Spec& spec) {
    form::list(form::object(term_table(context, spec))).read(reader, at, spec.terms);
    std::set<std::string> seen;
    for (size_t i = 0; i < spec.terms.size(); ++i) {
      std::string& name = spec.terms[i].name;
      if (name.empty()) name = "term" + std::to_string(i);
      if (seen.insert(name).second) continue;
      reader.fail(at.item(i).at("name"), "two terms are called " + in_quotes(name));
    }
  };
  const Json schema = form::list(form::object(term_table(context, Spec()))).schema;
  return {.name = "terms", .help = "What the loss adds up", .read = read, .schema = schema, .required = true};
}

Key<Spec> version_key() {
  const auto read = [](DocumentReader& reader, const JsonAt& at, Spec& spec) {
    const bool is_known = at.node.kind == Node::integer && (at.node.integer == 1 || at.node.integer == 2);
    if (is_known) spec.version = static_cast<int>(at.node.integer);
    if (!is_known)
      reader.fail(at, "must be 1 or 2, the versions of specs that this attune reads, not " + shown(at.node));
  };
  return {.name = "version", .help = "", .read = read, .schema = {{"enum", {1, 2}}}, .required = true};
}

}  // namespace

Json target_schema() {
  const Json name = {{"type", "string"}, {"not", {{"pattern", no_target_pattern}}}};
  const Json index = {{"type", "integer"}, {"minimum", 0}, {"maximum", 999999999}};
  const Json of_class = {{"anyOf", {name, index}}};
  Json keys = {{"class", of_class}};
  for (const TargetKey& key : target_keys()) {
    keys[key.name] = {{"type", {"string", "integer", "boolean"}}, {"description", key.help + ": " + key.values}};
  }
  const Json object = {{"type", "object"}, {"properties", keys}, {"minProperties", 1}, {"additionalProperties", false}};
  return {{"anyOf", {name, index, object}}};
}

Table<Spec> spec_table(const SpecContext* context) {
  return {{schema_key<Spec>(), version_key(), key("description", &Spec::description, "What the loss is for"),
           key("target", &Spec::targets, targets_form(context),
               "What is explained: top1, topK, a class index or a label, with keys behind it; or a list of them"),
           models_key(), maps_key(context), terms_key(context),
           key("reduction", &Spec::reduction, reduction_words, "Over the samples of a batch")}};
}

Spec parse_spec(const std::string& text, const std::string& name, const Catalogue& catalogue, const ModelNames& model,
                const std::filesystem::path& folder) {
  const SpecContext context{catalogue, model};
  return parse_object(spec_table(&context), text, name, folder);
}

Spec read_spec(const std::filesystem::path& file, const Catalogue& catalogue, const ModelNames& model) {
  return parse_spec(read_document(file, "spec"), file.string(), catalogue, model, file.parent_path());
}

}  // namespace attune
