// Results appear under their final name only when they are complete.
#pragma once

#include <filesystem>
#include <string_view>

namespace attune {

// A file that is being written: contents go to a temporary sibling, which commit() renames. Without a commit (an
// exception, remove_unfinished_outputs()) the temporary is removed and whatever had the name before stays as it was.
class OutputFile {
 public:
  // Throws Error(Fault::output), like all of the class, with the path and the system's reason.
  explicit OutputFile(const std::filesystem::path& path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(std::string_view bytes);
  // For libraries that only write to a path (a saved module): use either this or write().
  const std::filesystem::path& temporary() const { return temporary_; }
  // Flushes to the disk and renames.
  void commit();

 private:
  struct Slot;
  friend void remove_unfinished_outputs() noexcept;

  static Slot* acquire(const std::filesystem::path& temporary);
  [[noreturn]] void fail(int error) const;
  void close() noexcept;

  std::filesystem::path path_;
  std::filesystem::path temporary_;
  Slot* slot_ = nullptr;
  int descriptor_ = -1;
};

// The whole of a file at once. Throws Error(Fault::output).
void write_file(const std::filesystem::path& path, std::string_view bytes);

// Makes the folder and its parents; fine when it exists. Throws Error(Fault::output).
void prepare_output_folder(const std::filesystem::path& path);

// Whether a file of that name is the temporary of an OutputFile.
bool is_unfinished(const std::filesystem::path& path);

// Removes the temporaries that processes have left in the folder and below when they were killed. Nobody may be writing
// there.
void remove_abandoned_outputs(const std::filesystem::path& folder);

// Removes the temporaries of all OutputFiles that are open. Async-signal-safe: for handlers of SIGINT and SIGTERM. An
// OutputFile it hit fails at its commit().
void remove_unfinished_outputs() noexcept;

}  // namespace attune
