// What the command line's INPUT arguments stand for.
#pragma once

#include <string>
#include <vector>

namespace attune {

enum class InputKind { image, video, npy };

// A file to read. Files that cannot be used come along with `error`, so that the others are still done.
struct InputFile {
  std::string path;  // as given, or the folder as given followed by the name
  InputKind kind = InputKind::image;
  std::string error;  // one sentence; empty when the file is there
};

// Files as they are (of an unknown extension: as pictures, or with `clips` as videos), folders (not their subfolders)
// as the files in them that can be used, sorted by name: pictures and .npy, or with `clips` videos and .npy. A missing
// path, or a folder with nothing to use, is an entry with an error.
std::vector<InputFile> list_inputs(const std::vector<std::string>& arguments, bool clips);

}  // namespace attune
