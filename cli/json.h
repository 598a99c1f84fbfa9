// JSON documents on standard output.
#pragma once

#include <iostream>

#include <nlohmann/json.hpp>

namespace attune::cli {

using Json = nlohmann::ordered_json;

inline void print(const Json& document) {
  std::cout << document.dump(2, ' ', false, nlohmann::detail::error_handler_t::replace) << '\n';
}

}  // namespace attune::cli
