// Lists of files with their labels.
#include <algorithm>
#include <sstream>

#include <attune/sdk/error.h>

#include "base/csv.h"
#include "data/draft.h"
#include "image/input_file.h"

namespace attune {
namespace {

namespace fs = std::filesystem;

// Where a column stands; -1: nowhere.
struct Columns {
  int path = -1;
  int labels = -1;
  int unsure = -1;
  size_t count = 0;
};

Columns columns_of(const std::string& header) {
  const auto fail = [](const std::string& what) { throw Error(Fault::input, what); };
  Columns columns;
  const std::vector<std::string> known{"path", "labels", "unsure"};
  int* const places[] = {&columns.path, &columns.labels, &columns.unsure};
  for (const std::string& name : csv_fields(header)) {
    const auto found = std::find(known.begin(), known.end(), name);
    if (found == known.end()) {
      fail("unknown column \"" + name + "\"; columns are path, labels and unsure" + did_you_mean(name, known));
    }
    int& place = *places[found - known.begin()];
    if (place >= 0) fail("the column \"" + name + "\" stands twice");
    place = static_cast<int>(columns.count++);
  }
  if (columns.path < 0) fail("there is no column \"path\"");
  if (columns.labels < 0) fail("there is no column \"labels\"");
  return columns;
}

std::vector<std::string> labels_in(const std::string& field) {
  std::vector<std::string> labels;
  std::istringstream parts(field);
  for (std::string part; std::getline(parts, part, ';');) {
    if (!trimmed(part).empty()) labels.push_back(trimmed(part));
  }
  return labels;
}

void read_line(const std::string& line, const Columns& columns, Draft& draft) {
  const std::vector<std::string> fields = csv_fields(line);
  if (fields.size() != columns.count) {
    throw Error(Fault::input,
                std::to_string(fields.size()) + " fields, but the header names " + std::to_string(columns.count));
  }
  const auto field = [&](int column) { return column < 0 ? std::string() : fields[static_cast<size_t>(column)]; };
  if (field(columns.path).empty()) throw Error(Fault::input, "the path is missing");
  draft.id = field(columns.path);
  draft.path = draft.source.parent_path() / draft.id;  // absolute ones stay as they are
  draft.labels = labels_in(field(columns.labels));
  draft.unsure = labels_in(field(columns.unsure));
}

}  // namespace

Drafts read_csv_list(const DataSource& source, const std::string& split) {
  Drafts drafts{source.root / (split + ".csv"), {}};
  std::string text = read_input(drafts.list);
  if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);  // a byte order mark
  std::istringstream lines(text);
  Columns columns;
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (number > 1 && trimmed(line).empty()) continue;
    Draft draft;
    draft.source = drafts.list;
    draft.place = "line " + std::to_string(number);
    try {
      if (number == 1) {
        columns = columns_of(line);
        continue;
      }
      read_line(line, columns, draft);
    } catch (const Error& error) {
      draft.problem = problem_of(drafts.list, draft.place + ": " + error.what());
      if (number == 1) throw Error(Fault::input, draft.problem->sentence);
    }
    drafts.examples.push_back(std::move(draft));
  }
  return drafts;
}

}  // namespace attune
