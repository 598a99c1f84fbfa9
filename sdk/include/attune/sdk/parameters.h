// Parameters of components: declared once, read by the spec parser, `attune describe`, the JSON Schema and the
// reference.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <attune/sdk/export.h>

namespace attune {

enum class ParameterType { integer, real, boolean, string, choice, choice_or_real, list, layer, map, layers, method };

// "integer", "real"... as documentation and errors print it.
ATTUNE_SDK_API std::string to_string(ParameterType type);

struct ComponentSpec;

// integer -> int64_t; real -> double; boolean -> bool; list -> vector of reals; choice_or_real -> string or double;
// layers -> vector of strings; method -> ComponentSpec; everything else -> string.
using ParameterValue =
    std::variant<int64_t, double, bool, std::string, std::vector<double>, std::vector<std::string>, ComponentSpec>;

// A component and the parameters it is made from; those not given take their defaults.
struct ComponentSpec {
  std::string id;
  std::map<std::string, ParameterValue> parameters;
};

ATTUNE_SDK_API bool operator==(const ComponentSpec& a, const ComponentSpec& b);

// One parameter: its name, type, default, range and one line of help.
struct ATTUNE_SDK_API ParameterDeclaration {
  std::string name;
  ParameterType type = ParameterType::string;
  ParameterValue default_value;
  std::optional<double> minimum;     // of a number, or every entry of a list; inclusive
  std::optional<double> maximum;     // inclusive
  std::vector<std::string> choices;  // of a choice
  std::string help;                  // one line, without a full stop
};

// The inclusive range of a number.
struct Range {
  double minimum;
  double maximum;
};

ATTUNE_SDK_API ParameterDeclaration integer(std::string name, int64_t value, Range range, std::string help);
ATTUNE_SDK_API ParameterDeclaration real(std::string name, double value, Range range, std::string help);
ATTUNE_SDK_API ParameterDeclaration boolean(std::string name, bool value, std::string help);
ATTUNE_SDK_API ParameterDeclaration string(std::string name, std::string value, std::string help);
ATTUNE_SDK_API ParameterDeclaration choice(std::string name, std::string value, std::vector<std::string> choices,
                                           std::string help);
// One of the words, or a number: a rule that computes a value, or the value itself.
ATTUNE_SDK_API ParameterDeclaration choice_or_real(std::string name, ParameterValue value,
                                                   std::vector<std::string> choices, Range range, std::string help);
ATTUNE_SDK_API ParameterDeclaration list(std::string name, std::vector<double> value, Range range, std::string help);
// A layer of the model; "auto" is always valid. Typing mistakes are answered with the nearest layers.
ATTUNE_SDK_API ParameterDeclaration layer(std::string name, std::string value, std::string help);
// Of matchers: one of the maps that are matched. Without a default value ("") the spec must name one.
ATTUNE_SDK_API ParameterDeclaration map(std::string name, std::string value, std::string help);
// Several layers, each as of `layer`; none of them twice.
ATTUNE_SDK_API ParameterDeclaration layers(std::string name, std::vector<std::string> value, std::string help);
// Of methods: another method, which Parts makes. Without a default value (an empty id) one must be named.
ATTUNE_SDK_API ParameterDeclaration method(std::string name, ComponentSpec value, std::string help);

// The values a component is made from: every declared parameter, given or default, of the declared type and in range.
class ATTUNE_SDK_API Parameters {
 public:
  // Checks `given` against `declarations` and fills in the defaults. An integer is accepted where a real is declared,
  // nothing else is converted. Throws Error(Fault::spec) for an unknown name, a wrong type or a value out of range.
  Parameters(const std::vector<ParameterDeclaration>& declarations, std::map<std::string, ParameterValue> given);

  int64_t integer(const std::string& name) const;
  double real(const std::string& name) const;
  bool boolean(const std::string& name) const;
  const std::string& string(const std::string& name) const;  // also of choice, layer and map
  const std::vector<double>& list(const std::string& name) const;
  const std::vector<std::string>& layers(const std::string& name) const;
  const ComponentSpec& method(const std::string& name) const;
  // Of a choice_or_real: the number, or nothing when a word was chosen (which string() gives).
  std::optional<double> number(const std::string& name) const;

  const std::map<std::string, ParameterValue>& values() const { return values_; }

 private:
  std::map<std::string, ParameterValue> values_;
};

// What is wrong with `value` for `declaration` ("must be at least 1, not 0"), or "" when nothing is.
ATTUNE_SDK_API std::string check_value(const ParameterDeclaration& declaration, const ParameterValue& value);

// `text` as a value of the declared type ("8", "true", "0.5,1"), for command lines; of a method its id, as only the
// host knows what parameters that has. Throws Error(Fault::usage).
ATTUNE_SDK_API ParameterValue parse_value(const ParameterDeclaration& declaration, const std::string& text);

// A value as a person would type it; parse_value reads it back, and the host a method with parameters of its own,
// which stands in parentheses: "(gradcam:layer=layer3)".
ATTUNE_SDK_API std::string to_string(const ParameterValue& value);

}  // namespace attune
