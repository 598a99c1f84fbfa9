#include "json/document.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <locale>
#include <sstream>

#include "json/quoting.h"

namespace attune {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$'; }

size_t digits_end(const std::string& text, size_t at) {
  while (at < text.size() && is_digit(text[at])) ++at;
  return at;
}

// How much of the text is a number.
size_t number_length(const std::string& text) {
  const size_t whole = text.compare(0, 1, "-") == 0 ? 1 : 0;
  size_t at = text.compare(whole, 1, "0") == 0 ? whole + 1 : digits_end(text, whole);
  if (at == whole) return 0;
  if (text.compare(at, 1, ".") == 0 && digits_end(text, at + 1) > at + 1) at = digits_end(text, at + 1);
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    const size_t digits = at + (at + 1 < text.size() && (text[at + 1] == '+' || text[at + 1] == '-') ? 2 : 1);
    if (digits_end(text, digits) > digits) at = digits_end(text, digits);
  }
  return at;
}

// False for one that is too large.
bool read_number(const std::string& text, JsonNode& node) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, node.integer);
  node.kind = stop == end && error == std::errc() ? JsonNode::Kind::integer : JsonNode::Kind::real;
  node.real = static_cast<double>(node.integer);
  node.text = text;
  if (node.kind == JsonNode::Kind::integer) return true;
  node.integer = 0;
  std::istringstream stream(text);
  stream.imbue(std::locale::classic());
  return static_cast<bool>(stream >> node.real);
}

// Why a run of letters, digits, points and signs is no number.
std::string number_reason(const std::string& run) {
  if (number_length(run) == run.size()) return "the number " + shortened(run) + " is too large";
  const std::string lead = "'" + shortened(run) + "' is no number";
  const size_t digits = run[0] == '-' ? 1 : 0;
  const size_t point = run.find('.');
  if (run[0] == '+') return lead + ": a number has no plus sign in front";
  if (digits_end(run, digits) > digits + 1 && run[digits] == '0') return lead + ": leave out the 0 in front";
  if (point == digits) return lead + ": a digit must stand before the point";
  if (point != std::string::npos && digits_end(run, point + 1) == point + 1) {
    return lead + ": a digit must follow the point";
  }
  return lead;
}

std::string word_reason(const std::string& word) {
  if (word == "NaN" || word == "nan" || word == "Infinity" || word == "inf") {
    return "'" + word + "' is no number that JSON can hold";
  }
  const std::string hint = word.size() > 10 ? "" : did_you_mean(word, {"true", "false", "null"});
  return "'" + shortened(word) + "' is none of the words true, false and null" +
         (hint.empty() ? "; a string stands in double quotes" : hint);
}

}  // namespace

const JsonNode* JsonNode::find(const std::string& key) const {
  const auto found = std::find_if(members.begin(), members.end(), [&](const JsonMember& m) { return m.key == key; });
  return found == members.end() ? nullptr : &found->value;
}

std::string read_word(const std::string& run, JsonNode& node) {
  if (run == "null") return "";
  if (run == "true" || run == "false") {
    node.kind = JsonNode::Kind::boolean;
    node.boolean = run == "true";
    return "";
  }
  if (is_letter(run[0])) return word_reason(run);
  return number_length(run) == run.size() && read_number(run, node) ? "" : number_reason(run);
}

std::string read_document(const std::filesystem::path& file, const std::string& what, uintmax_t most, Fault fault) {
  const std::string name = (what.empty() ? "'" : what + " '") + file.string() + "' ";
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  if (error) throw Error(fault, name + "cannot be read");
  if (size > most) {
    throw Error(fault, name + "has " + std::to_string(size) + " bytes; a " + (what.empty() ? "file" : what) +
                           " has at most " + std::to_string(most));
  }
  std::ifstream stream(file, std::ios::binary);
  std::string text(size, ' ');
  stream.read(text.data(), static_cast<std::streamsize>(size));
  if (!stream) throw Error(fault, name + "cannot be read");
  return text;
}

std::string pointer_to(const std::string& pointer, const std::string& key) {
  std::string longer = pointer + "/";
  for (const char c : key) longer += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return longer;
}

std::string pointer_to(const std::string& pointer, size_t index) { return pointer + "/" + std::to_string(index); }

}  // namespace attune
