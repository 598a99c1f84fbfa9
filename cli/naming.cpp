#include "naming.h"

#include <filesystem>
#include <map>

#include <attune/sdk/error.h>

#include "image/npy.h"

namespace attune::cli {
namespace {

using std::filesystem::path;

std::string stem_with(const std::string& file, int detail) {
  std::error_code error;  // an empty path, which reading it will complain of
  const path whole = std::filesystem::absolute(file, error).lexically_normal();
  std::string stem = whole.stem().string();
  if (detail >= 1) stem = whole.parent_path().filename().string() + "_" + stem;
  if (detail >= 2 && whole.has_extension()) stem += "_" + whole.extension().string().substr(1);
  return stem;
}

}  // namespace

std::vector<std::string> output_stems(const std::vector<InputFile>& files) {
  std::vector<std::string> stems;
  for (const InputFile& file : files) stems.push_back(stem_with(file.path, 0));
  for (int detail = 1; detail <= 3; ++detail) {
    std::map<std::string, std::vector<size_t>> owners;
    for (size_t i = 0; i < files.size(); ++i) owners[stems[i]].push_back(i);
    for (const auto& [stem, indices] : owners) {
      if (indices.size() == 1) continue;
      if (detail == 3) {
        throw Error(Fault::usage, "'" + files[indices[0]].path + "' and '" + files[indices[1]].path +
                                      "' would both be written as '" + stem + "'; run them into two output folders");
      }
      for (const size_t i : indices) stems[i] = stem_with(files[i].path, detail);
    }
  }
  return stems;
}

int64_t rows_of(const InputFile& file, int64_t spatial_rank) {
  if (file.kind != InputKind::npy || !file.error.empty()) return 0;
  try {
    const std::vector<int64_t> shape = NpyFile(file.path).shape();
    return static_cast<int64_t>(shape.size()) == spatial_rank + 2 ? shape[0] : 0;
  } catch (const Error&) {
    return 0;
  }
}

std::string row_stem(const std::string& stem, int64_t row) { return stem + "_" + std::to_string(row); }

void check_row_stems(const std::vector<InputFile>& files, const std::vector<std::string>& stems, int64_t spatial_rank) {
  std::map<std::string, size_t> taken;  // by files that are one input; a batch is only called by its rows
  std::vector<int64_t> rows;
  for (size_t i = 0; i < files.size(); ++i) {
    rows.push_back(rows_of(files[i], spatial_rank));
    if (rows[i] == 0) taken[stems[i]] = i;
  }
  for (size_t i = 0; i < files.size(); ++i) {
    for (int64_t row = 0; row < rows[i]; ++row) {
      const auto other = taken.find(row_stem(stems[i], row));
      if (other == taken.end()) continue;
      throw Error(Fault::usage, "row " + std::to_string(row) + " of '" + files[i].path + "' and '" +
                                    files[other->second].path + "' would both be written as '" + other->first + "'");
    }
  }
}

}  // namespace attune::cli
