#include "image/output_file.h"

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include <attune/sdk/error.h>

namespace attune {

// Temporaries that exist, for a signal handler to walk: a list that only grows, whose entries are used again. A name is
// only changed by who turned its slot from `free` to `filling`, and only read while it is `removing`.
struct OutputFile::Slot {
  enum State { free, filling, active, removing, removed };

  std::atomic<State> state{filling};
  std::string name;
  Slot* next = nullptr;

  static std::atomic<Slot*> head;
};

std::atomic<OutputFile::Slot*> OutputFile::Slot::head{nullptr};

namespace {

const std::string prefix = ".attune-", suffix = ".part";

// Beside the final file, so that renaming never crosses file systems; short, however long the file's own name is.
std::filesystem::path temporary_name(const std::filesystem::path& path) {
  static std::atomic<uint64_t> counter{0};
  return path.parent_path() / (prefix + std::to_string(getpid()) + "-" + std::to_string(counter++) + suffix);
}

// What will be replaced: a link's goal rather than the link.
std::filesystem::path goal(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_symlink(path, error)) return path;
  const auto resolved = std::filesystem::weakly_canonical(path, error);
  return error ? path : resolved;
}

}  // namespace

OutputFile::Slot* OutputFile::acquire(const std::filesystem::path& temporary) {
  Slot* slot = Slot::head;
  while (slot) {
    Slot::State expected = Slot::free;
    if (slot->state.compare_exchange_strong(expected, Slot::filling)) break;
    slot = slot->next;
  }
  if (!slot) {
    slot = new Slot;  // stays for good: a signal handler may be walking the list
    slot->next = Slot::head;
    while (!Slot::head.compare_exchange_weak(slot->next, slot)) continue;
  }
  slot->name = temporary;
  slot->state = Slot::active;
  return slot;
}

OutputFile::OutputFile(const std::filesystem::path& path) : path_(goal(path)), temporary_(temporary_name(path_)) {
  struct stat status {};
  if (stat(path_.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    throw Error(Fault::output, path_.string() + ": cannot be written: it exists and is not a regular file");
  }
  slot_ = acquire(temporary_);
  descriptor_ = open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor_ >= 0) return;
  const int error = errno;
  close();
  fail(error);
}

OutputFile::~OutputFile() { close(); }

void OutputFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written > 0) bytes.remove_prefix(static_cast<size_t>(written));
    if (written == 0 || (written < 0 && errno != EINTR)) fail(written == 0 ? EIO : errno);
  }
}

void OutputFile::commit() {
  // Some file systems cannot flush a single file; that is no reason to refuse to write there.
  if (fsync(descriptor_) != 0 && errno != EINVAL && errno != ENOTSUP) fail(errno);
  const int descriptor = descriptor_;
  descriptor_ = -1;
  if (::close(descriptor) != 0 && errno != EINTR) fail(errno);
  if (slot_->state != Slot::active) throw Error(Fault::output, path_.string() + ": was not written: interrupted");
  if (rename(temporary_.c_str(), path_.c_str()) != 0) fail(errno);
  close();
}

void OutputFile::fail(int error) const {
  throw Error(Fault::output, path_.string() + ": cannot be written: " + std::strerror(error));
}

void OutputFile::close() noexcept {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
  if (!slot_) return;
  unlink(temporary_.c_str());  // after a commit there is none
  Slot::State expected = Slot::active;
  // A slot that a signal handler is still reading is given up rather than used again.
  if (!slot_->state.compare_exchange_strong(expected, Slot::free) && expected == Slot::removed)
    slot_->state = Slot::free;
  slot_ = nullptr;
}

void write_file(const std::filesystem::path& path, std::string_view bytes) {
  OutputFile file(path);
  file.write(bytes);
  file.commit();
}

void prepare_output_folder(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (!error && !std::filesystem::is_directory(path, error) && !error) {
    error = std::make_error_code(std::errc::not_a_directory);
  }
  if (error) throw Error(Fault::output, path.string() + ": the folder cannot be made: " + error.message());
}

bool is_unfinished(const std::filesystem::path& path) {
  return path.filename().string().starts_with(prefix) && path.extension() == suffix;
}

void remove_abandoned_outputs(const std::filesystem::path& folder) {
  std::error_code error;
  std::vector<std::filesystem::path> abandoned;
  for (std::filesystem::recursive_directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (is_unfinished(entry->path())) abandoned.push_back(entry->path());
  }
  for (const auto& path : abandoned) std::filesystem::remove(path, error);
}

void remove_unfinished_outputs() noexcept {
  const int saved = errno;
  for (OutputFile::Slot* slot = OutputFile::Slot::head; slot; slot = slot->next) {
    auto expected = OutputFile::Slot::active;
    if (!slot->state.compare_exchange_strong(expected, OutputFile::Slot::removing)) continue;
    unlink(slot->name.c_str());
    slot->state = OutputFile::Slot::removed;
  }
  errno = saved;
}

}  // namespace attune
