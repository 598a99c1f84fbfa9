#include "report/naming.h"

#include <algorithm>
#include <map>

#include <attune/sdk/error.h>

#include "image/npy.h"

namespace attune {
namespace {

using std::filesystem::path;

// The folders from the root, and the name in parts.
struct FileName {
  std::vector<std::string> folders;
  std::string stem, extension;
};

FileName name_of(const std::string& file) {
  std::error_code error;  // an empty path, which reading it will complain of
  const path whole = std::filesystem::absolute(file, error).lexically_normal();
  FileName name;
  for (const path& folder : whole.parent_path().relative_path()) name.folders.push_back(folder.string());
  name.stem = whole.filename().string();
  name.extension = whole.extension().string();
  if (name.extension == ".gz" && whole.stem().extension() == ".nii") name.extension = ".nii.gz";
  name.stem.resize(name.stem.size() - name.extension.size());
  return name;
}

// The more detail, the more of it: the stem, the folder, the extension, then folders further up.
std::string stem_with(const FileName& name, size_t detail) {
  std::string stem = name.stem;
  if (detail >= 1) stem = (name.folders.empty() ? "" : name.folders.back()) + "_" + stem;
  if (detail >= 2 && !name.extension.empty()) stem += "_" + name.extension.substr(1);
  for (size_t above = 2; above + 1 <= detail && above <= name.folders.size(); ++above) {
    stem = name.folders[name.folders.size() - above] + "_" + stem;
  }
  return stem;
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
  std::vector<FileName> names;
  std::vector<std::string> stems;
  size_t most = 0;  // as much detail as any file has, and some for longer stems that clash in turn
  for (const InputFile& file : files) {
    names.push_back(name_of(file.path));
    stems.push_back(names.back().stem);
    most = std::max(most, names.back().folders.size() + 3);
  }
  Owners shared = shared_stems(stems);
  for (size_t detail = 1; !shared.empty() && detail <= most; ++detail) {
    for (const auto& [stem, indices] : shared) {
      for (const size_t i : indices) stems[i] = stem_with(names[i], detail);
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
