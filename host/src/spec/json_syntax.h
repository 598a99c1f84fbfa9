// Says in plain words why a text is no JSON. Another parser decides that it is not; this finds the reason.
#pragma once

#include <string>

#include "spec/json_document.h"

namespace attune {

// How far the text was good.
struct JsonProgress {
  enum class After { nothing, open_object, open_list, key, member, item, root };

  After after = After::nothing;  // what the last good token was, or ended
  size_t begin = 0;              // where that token begins
  size_t end = 0;                // and where it has ended
  size_t opened = 0;             // where the innermost object or list begins that is still open
};

// The place of the byte at `offset`.
JsonPlace place_of(const std::string& text, size_t offset);

// Where the number ends that begins at `begin`; `begin` when none does.
size_t number_end(const std::string& text, size_t begin);

// The first offset from `begin` on that is no white space.
size_t space_end(const std::string& text, size_t begin);

JsonFault syntax_fault(const std::string& text, const JsonProgress& progress);

}  // namespace attune
