#include "config/form.h"

#include <attune/spec.h>

namespace attune {
namespace {

constexpr size_t longest_pointer = 200;

std::string said(const std::string& file, const SpecFault& fault) {
  const std::string at = fault.pointer.empty() ? "" : " at " + one_line(shortened(fault.pointer, longest_pointer));
  return file + ":" + std::to_string(fault.line) + ":" + std::to_string(fault.column) + at + ": " + fault.message;
}

std::string all_said(const std::string& file, const std::vector<SpecFault>& faults) {
  std::string text;
  for (size_t i = 0; i < std::min(faults.size(), most_faults); ++i) {
    text += (text.empty() ? "" : "\n") + said(file, faults[i]);
  }
  return faults.size() <= most_faults
             ? text
             : text + "\n" + file + ": and more; these are the first " + std::to_string(most_faults);
}

// A fault of each item that is no number of the kind, or of the list.
std::optional<std::vector<double>> read_numbers(DocumentReader& reader, const JsonAt& at,
                                                const ParameterDeclaration& item, size_t count, bool or_one) {
  std::vector<double> values;
  if (at.node.kind != JsonNode::Kind::array) {
    reader.fail(at, "must be a list of numbers, not " + shown(at.node));
    return std::nullopt;
  }
  for (size_t i = 0; i < at.node.items.size(); ++i) {
    const std::string fault = parameter_fault(item, at.node.items[i]);
    fault.empty() ? values.push_back(at.node.items[i].real) : reader.fail(at.item(i), fault);
  }
  if (values.size() < at.node.items.size()) return std::nullopt;
  if (count == 0 ? !values.empty() : values.size() == count || (or_one && values.size() == 1)) return values;
  reader.fail(at, count == 0 ? "must not be empty"
                             : std::string("must be a list of ") + (or_one ? "1 or " : "") + std::to_string(count) +
                                   " numbers, not of " + std::to_string(values.size()));
  return std::nullopt;
}

Json counted(const ParameterDeclaration& item, size_t count) {
  return {{"type", "array"}, {"items", value_schema(item)}, {"minItems", count}, {"maxItems", count}};
}

}  // namespace

SpecError::SpecError(const std::string& file, std::vector<SpecFault> faults)
    : Error(Fault::spec, all_said(file, faults)), faults_(std::move(faults)), has_more_(faults_.size() > most_faults) {
  if (has_more_) faults_.resize(most_faults);
}

void parse_document(const std::string& text, const std::string& name, const std::filesystem::path& folder,
                    const std::function<void(DocumentReader&, const JsonAt&)>& read) {
  const JsonDocument document = parse_json(text);
  DocumentReader reader(document, folder);
  try {
    if (document.complete) read(reader, {document.root, ""});
  } catch (const TooManyFaults&) {
    // What was found until then is told.
  }
  std::vector<SpecFault> faults;
  for (JsonFault& fault : reader.take_faults()) {
    faults.push_back({fault.place.line, fault.place.column, std::move(fault.pointer), std::move(fault.message)});
  }
  if (!faults.empty()) throw SpecError(name, std::move(faults));
}

std::optional<size_t> read_use(DocumentReader& reader, const JsonAt& at, const std::vector<std::string>& names) {
  const bool is_object = at.node.kind == JsonNode::Kind::object;
  const std::string choices = "one of " + quoted_list(names);
  if (is_object && !at.has("use")) {
    reader.fail_without_use(at, choices);
    return std::nullopt;
  }
  if (!is_object && at.node.kind != JsonNode::Kind::string) {
    reader.fail(at, "must be " + choices + " or an object {\"use\": ...}, not " + shown(at.node));
    return std::nullopt;
  }
  return reader.choice(at.at("use"), names);
}

namespace form {

Form<std::string> text() {
  const auto read = [](DocumentReader& reader, const JsonAt& at, std::string& value) {
    if (const auto text = reader.text(at)) value = *text;
  };
  const auto write = [](const std::string& value) { return value.empty() ? Json() : Json(value); };
  return {read, write, {{"type", "string"}}};
}

Form<std::filesystem::path> file() {
  const auto read = [](DocumentReader& reader, const JsonAt& at, std::filesystem::path& value) {
    if (const auto text = reader.text(at)) value = reader.path(*text);
  };
  const auto write = [](const std::filesystem::path& value) { return value.empty() ? Json() : Json(value.string()); };
  return {read, write, {{"type", "string"}}};
}

Form<std::string> name() {
  Form<std::string> form = text();
  form.schema["pattern"] = name_pattern;
  return form;
}

Form<std::vector<double>> numbers(Range range, size_t count, bool or_one) {
  const ParameterDeclaration item = real("", 0, range, "");
  const auto read = [=](DocumentReader& reader, const JsonAt& at, std::vector<double>& value) {
    if (const auto numbers = read_numbers(reader, at, item, count, or_one)) value = *numbers;
  };
  Json schema = counted(item, count);
  for (const char* bound : {"minItems", "maxItems"}) {
    if (or_one || count == 0) schema.erase(std::string(bound));
  }
  if (count == 0) schema["minItems"] = 1;
  if (or_one) schema["anyOf"] = {{{"minItems", 1}, {"maxItems", 1}}, {{"minItems", count}, {"maxItems", count}}};
  return {read, [](const std::vector<double>& value) -> Json { return value; }, schema};
}

Form<std::array<int64_t, 2>> size(double most, bool or_one) {
  const ParameterDeclaration item = integer("", 1, {1, most}, "");
  const auto read = [=](DocumentReader& reader, const JsonAt& at, std::array<int64_t, 2>& value) {
    if (or_one && at.node.is_number()) {
      const std::string fault = parameter_fault(item, at.node);
      if (!fault.empty()) return reader.fail(at, fault);
      value = {at.node.integer, at.node.integer};
    } else if (or_one && at.node.kind != JsonNode::Kind::array) {
      reader.fail(at, "must be a list of 2 numbers or one for both, not " + shown(at.node));
    } else if (const auto numbers = read_numbers(reader, at, item, 2, false)) {
      value = {static_cast<int64_t>((*numbers)[0]), static_cast<int64_t>((*numbers)[1])};
    }
  };
  Json schema = counted(item, 2);
  if (or_one) schema = {{"anyOf", {schema, value_schema(item)}}};
  return {read, [](const std::array<int64_t, 2>& value) -> Json { return value; }, schema};
}

}  // namespace form
}  // namespace attune
