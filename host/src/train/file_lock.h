// A file that one process at a time may hold.
#pragma once

#include <filesystem>
#include <string>

namespace attune {

class FileLock {
 public:
  // Of a file that is there, until the process ends, in whatever way. Throws Error(Fault::usage) with that sentence
  // when somebody else holds it, Error(Fault::output) when it cannot be opened for writing.
  FileLock(const std::filesystem::path& file, const std::string& held);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int descriptor_;
};

}  // namespace attune
