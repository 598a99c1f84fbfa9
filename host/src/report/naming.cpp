#include "report/naming.h"

#include <algorithm>
#include <map>

#include <attune/sdk/error.h>

#include "image/npy.h"

namespace attune {
namespace {

using std::filesystem::path;

// From its own stem on, each with more detail: the folder, the extension, then folders further up.
std::vector<std::string> stems_of(const std::string& file) {
  std::error_code error;  // an empty path, which reading it will complain of
  const path whole = std::filesystem::absolute(file, error).lexically_normal();
  std::string stem = whole.filename().string(), extension = whole.extension().string();
  if (extension == ".gz" && whole.stem().extension() == ".nii") extension = ".nii.gz";
  stem.resize(stem.size() - extension.size());
  std::vector<std::string> folders, stems{stem};
  for (const path& folder : whole.parent_path().relative_path()) folders.insert(folders.begin(), folder.string());
  for (size_t above = 0; above < std::max<size_t>(folders.size(), 1); ++above) {
    stems.push_back((folders.empty() ? "" : folders[above]) + "_" + stems.back());
    if (above == 0) stems.push_back(stems.back() + (extension.empty() ? "" : "_" + extension.substr(1)));
  }
  return stems;
}

using Owners = std::map<std::string, std::vector<size_t>>;

// Those that several files have.
Owners shared_stems(const std::vector<std::string>& stems) {
  Owners owners;
  for (size_t i = 0; i < stems.size(); ++i) owners[stems[i]].push_back(i);
  std::erase_if(owners, [](const auto& owner) { return owner.second.size() == 1; });
  return owners;
}

}  // namespace

std::vector<std::string> output_stems(const std::vector<InputFile>& files) {
  std::vector<std::vector<std::string>> all;
  std::vector<std::string> stems;
  size_t most = 0;  // as much detail as any file has, and some for longer stems that clash in turn
  for (const InputFile& file : files) {
    all.push_back(stems_of(file.path));
    stems.push_back(all.back()[0]);
    most = std::max(most, all.back().size() + 1);
  }
  Owners shared = shared_stems(stems);
  for (size_t detail = 1; !shared.empty() && detail <= most; ++detail) {
    for (const auto& [stem, indices] : shared) {
      for (const size_t i : indices) stems[i] = all[i][std::min(detail, all[i].size() - 1)];
    }
    shared = shared_stems(stems);
  }
  for (const auto& [stem, indices] : shared) {
    throw Error(Fault::usage, "'" + files[indices[0]].path + "' and '" + files[indices[1]].path +
                                  "' would both be written as '" + stem + "'; run them into two output folders");
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

}  // namespace attune
