#include <limits>

#include <attune/sdk/error.h>

#include "formats/exported/program.h"

namespace attune {
namespace {

using nlohmann::json;

double number_of(const json& value) {
  if (!value.is_string()) return value.get<double>();
  const auto text = value.get<std::string>();
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  return (text == "-Infinity" ? -1 : 1) * std::numeric_limits<double>::infinity();
}

c10::MemoryFormat memory_format(int64_t number) {
  switch (number) {
    case 1:
      return c10::MemoryFormat::Contiguous;
    case 2:
      return c10::MemoryFormat::ChannelsLast;
    case 3:
      return c10::MemoryFormat::ChannelsLast3d;
    default:
      return c10::MemoryFormat::Preserve;
  }
}

}  // namespace

// The module or tensor at a path; read where it is first used.
Value* ProgramValues::attribute(const std::string& path) {
  if (path.empty()) return self_;
  Value*& value = read_[path];
  if (value == nullptr) {
    const auto [parent, name] = ModuleTree::split(path);
    Value* const holder = attribute(parent);
    value = graph_.insertGetAttr(holder, name);
  }
  return value;
}

Value* ProgramValues::value(const std::string& name) {
  const auto found = values_.find(name);
  if (found != values_.end()) return found->second;
  const auto path = attributes_.find(name);
  if (path == attributes_.end()) throw Error(Fault::input, "is damaged: nothing makes its value '" + name + "'");
  return attribute(path->second);
}

// An integer or a name for one.
Value* ProgramValues::scalar(const json& argument, const char* plain) {
  if (argument.contains("as_name")) return value(argument["as_name"]);
  const json& number = argument.at(plain);
  if (number.is_boolean()) return constant(number.get<bool>());
  return number.is_number_integer() ? constant(number.get<int64_t>()) : constant(number_of(number));
}

template <class Read>
Value* ProgramValues::list(const json& entries, const c10::TypePtr& type, Read read) {
  std::vector<Value*> values;
  for (const json& entry : entries) values.push_back(read(entry));
  return graph_.insertNode(graph_.createList(type, values))->output();
}

Value* ProgramValues::optional_tensor(const json& entry) {
  return entry.contains("as_tensor") ? value(entry["as_tensor"].at("name")) : constant(c10::IValue());
}

Value* ProgramValues::read(const json& argument) {
  const auto [kind, content] = union_of(argument);
  if (kind == "as_none") return constant(c10::IValue());
  if (kind == "as_tensor") return value(content.at("name"));
  if (kind == "as_tensors") {
    return list(content, c10::TensorType::get(), [&](const json& entry) { return value(entry.at("name")); });
  }
  if (kind == "as_optional_tensor") return optional_tensor(content);
  if (kind == "as_optional_tensors") {
    return list(content, c10::OptionalType::ofTensor(), [&](const json& entry) { return optional_tensor(entry); });
  }
  if (kind == "as_int") return constant(whole(content));
  if (kind == "as_ints") return constant(wholes(content));
  if (kind == "as_float") return constant(number_of(content));
  if (kind == "as_floats") {
    return list(content, c10::FloatType::get(), [&](const json& entry) { return constant(number_of(entry)); });
  }
  if (kind == "as_bool") return constant(content.get<bool>());
  if (kind == "as_bools") {
    return list(content, c10::BoolType::get(), [&](const json& entry) { return constant(entry.get<bool>()); });
  }
  if (kind == "as_string") return constant(content.get<std::string>());
  if (kind == "as_sym_int") return scalar(content, "as_int");
  if (kind == "as_sym_float") return scalar(content, "as_float");
  if (kind == "as_sym_bool") return scalar(content, "as_bool");
  if (kind == "as_sym_ints") {
    return list(content, c10::IntType::get(), [&](const json& entry) { return scalar(entry, "as_int"); });
  }
  if (kind == "as_scalar_type") return constant(static_cast<int64_t>(scalar_type(whole(content))));
  if (kind == "as_memory_format") return constant(static_cast<int64_t>(memory_format(whole(content))));
  if (kind == "as_layout") return constant(static_cast<int64_t>(c10::kStrided));
  if (kind == "as_device") return constant(device_);
  throw Error(Fault::input, "gives an operator an argument of the kind '" + kind + "', which is not known here");
}

}  // namespace attune
