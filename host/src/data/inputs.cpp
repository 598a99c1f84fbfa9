#include "data/inputs.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <optional>
#include <string_view>

namespace attune {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPictures[] = {".jpg", ".jpeg", ".jpe", ".png", ".webp", ".bmp", ".dib", ".tif", ".tiff",
                                          ".jp2", ".pbm",  ".pgm", ".ppm", ".pnm",  ".hdr", ".exr", ".avif"};
constexpr std::string_view kVideos[] = {".mp4", ".avi", ".mov", ".mkv", ".webm", ".gif", ".mpg", ".mpeg", ".m4v"};

// By extension; nothing for a file that is none of these.
std::optional<InputKind> kind_of(const fs::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  if (extension == ".npy") return InputKind::npy;
  if (std::find(std::begin(kVideos), std::end(kVideos), extension) != std::end(kVideos)) return InputKind::video;
  if (std::find(std::begin(kPictures), std::end(kPictures), extension) != std::end(kPictures)) return InputKind::image;
  return {};
}

InputFile unusable(const std::string& path, const std::string& why) {
  return {path, InputKind::image, path + ": " + why};
}

void append_folder(const std::string& folder, bool clips, std::vector<InputFile>& files) {
  std::error_code error;
  std::vector<InputFile> found;
  bool others = false;
  const InputKind unwanted = clips ? InputKind::image : InputKind::video;
  fs::directory_iterator entry(folder, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    std::error_code ignored;
    const auto kind = kind_of(entry->path());
    if (!kind || entry->path().filename().string().starts_with('.') || entry->is_directory(ignored)) continue;
    others = others || *kind == unwanted;
    if (*kind != unwanted) found.push_back({entry->path().string(), *kind, ""});
  }
  if (error) {
    files.push_back(unusable(folder, "the folder cannot be read: " + error.message()));
  } else if (found.empty()) {
    const std::string wanted = clips ? "videos" : "pictures";
    const std::string instead = others ? ", only " + std::string(clips ? "pictures" : "videos") : "";
    files.push_back(unusable(folder, "the folder has no " + wanted + " and no .npy files in it" + instead));
  }
  std::sort(found.begin(), found.end(), [](const InputFile& a, const InputFile& b) { return a.path < b.path; });
  files.insert(files.end(), found.begin(), found.end());
}

}  // namespace

std::vector<InputFile> list_inputs(const std::vector<std::string>& arguments, bool clips) {
  std::vector<InputFile> files;
  for (const std::string& argument : arguments) {
    std::error_code error;
    const fs::file_status status = fs::status(argument, error);
    if (fs::is_directory(status)) {
      append_folder(argument, clips, files);
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
