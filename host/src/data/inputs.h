// What the command line's INPUT arguments stand for.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace attune {

enum class InputKind { image, video, npy, nifti };

// A file to read. Files that cannot be used come along with `error`, so that the others are still done.
struct InputFile {
  std::string path;  // as given, or the folder as given followed by the way from there
  InputKind kind = InputKind::image;
  std::string error;  // one sentence; empty when the file is there
};

// Files as they are (of an unknown extension: as pictures, or with `clips` as videos), folders as the files in them and
// in their subfolders that can be used, sorted by path: arrays (.npy, NIfTI), and pictures, or with `clips` videos.
// Hidden files and folders are left out, links to folders inside are not followed, and nothing below `except` is taken,
// the folder that outputs go to. A missing path, or a folder with nothing to use, is an entry with an error.
std::vector<InputFile> list_inputs(const std::vector<std::string>& arguments, bool clips,
                                   const std::filesystem::path& except = {});

}  // namespace attune
