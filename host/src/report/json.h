// JSON documents on standard output and in files.
#pragma once

#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

namespace attune {

using Json = nlohmann::ordered_json;

// Bytes that are no UTF-8 (file names may hold any) become the replacement character.
inline std::string text_of(const Json& document) {
  return document.dump(2, ' ', false, nlohmann::detail::error_handler_t::replace) + "\n";
}

inline void print(const Json& document) { std::cout << text_of(document); }

}  // namespace attune
