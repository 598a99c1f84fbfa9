#include "data/inputs.h"

#include <string_view>

#include "base/text.h"
#include "image/nifti.h"

namespace attune {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPictures[] = {".jpg", ".jpeg", ".jpe", ".png", ".webp", ".bmp", ".dib", ".tif", ".tiff",
                                          ".jp2", ".pbm",  ".pgm", ".ppm", ".pnm",  ".hdr", ".exr", ".avif"};
constexpr std::string_view kVideos[] = {".mp4", ".avi", ".mov", ".mkv", ".webm", ".gif", ".mpg", ".mpeg", ".m4v"};

// By extension; nothing for a file that is none of these.
std::optional<InputKind> kind_of(const fs::path& path) {
  const std::string extension = in_lower_case(path.extension().string());
  if (extension == ".npy") return InputKind::npy;
  if (is_nifti(path)) return InputKind::nifti;
  if (std::find(std::begin(kVideos), std::end(kVideos), extension) != std::end(kVideos)) return InputKind::video;
  if (std::find(std::begin(kPictures), std::end(kPictures), extension) != std::end(kPictures)) return InputKind::image;
  return {};
}

InputFile unusable(const std::string& path, const std::string& why) {
  return {path, InputKind::image, path + ": " + why};
}

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

bool is_same(const fs::path& a, const fs::path& b) {
  std::error_code error;  // one that is not there
  return !b.empty() && fs::equivalent(a, b, error);
}

// What can be used in the folder and below.
void append_folder(const std::string& folder, bool clips, const fs::path& except, std::vector<InputFile>& files) {
  const InputKind unwanted = clips ? InputKind::image : InputKind::video;
  std::vector<InputFile> found;
  bool others = false;  // of the kind that the model does not take
  std::error_code error;
  fs::recursive_directory_iterator entry(folder, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    std::error_code ignored;
    if (entry->is_directory(ignored)) {
      const fs::path inner = entry->path();
      std::error_code closed;
      const bool is_left_out = is_hidden(inner) || is_same(inner, except) || entry->is_symlink(ignored);
      if (!is_left_out) fs::directory_iterator(inner, closed);
      if (closed) found.push_back(unusable(inner.string(), "the folder cannot be read: " + closed.message()));
      if (is_left_out || closed) entry.disable_recursion_pending();
      continue;
    }
    const auto kind = kind_of(entry->path());
    if (!kind || is_hidden(entry->path())) continue;
    others = others || *kind == unwanted;
    if (*kind != unwanted) found.push_back({entry->path().string(), *kind, ""});
  }
  if (error) {
    files.push_back(unusable(folder, "the folder cannot be read: " + error.message()));
  } else if (found.empty()) {
    const std::string wanted = clips ? "videos" : "pictures", arrays = " and no .npy or NIfTI files in it";
    const std::string instead = others ? ", only " + std::string(clips ? "pictures" : "videos") : "";
    files.push_back(unusable(folder, "the folder has no " + wanted + arrays + instead));
  }
  std::sort(found.begin(), found.end(), [](const InputFile& a, const InputFile& b) { return a.path < b.path; });
  files.insert(files.end(), found.begin(), found.end());
}

}  // namespace

std::vector<InputFile> list_inputs(const std::vector<std::string>& arguments, bool clips, const fs::path& except) {
  std::vector<InputFile> files;
  for (const std::string& argument : arguments) {
    std::error_code error;
    const fs::file_status status = fs::status(argument, error);
    if (fs::is_directory(status)) {
      append_folder(argument, clips, except, files);
    } else if (!fs::exists(status)) {
      files.push_back(unusable(argument, "cannot be read: " + error.message()));
    } else {
      // A picture or video need not be called one: what is in the file decides.
      files.push_back({argument, kind_of(argument).value_or(clips ? InputKind::video : InputKind::image), ""});
    }
  }
  return files;
}

}  // namespace attune
