#include "train/file_lock.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <attune/sdk/error.h>

namespace attune {

FileLock::FileLock(const std::filesystem::path& file, const std::string& held)
    : descriptor_(open(file.c_str(), O_RDWR | O_CLOEXEC)) {
  if (descriptor_ < 0) throw Error(Fault::output, file.string() + ": cannot be written: " + std::strerror(errno));
  // Some file systems have no locks.
  if (flock(descriptor_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
  close(descriptor_);
  throw Error(Fault::usage, held);
}

FileLock::~FileLock() { close(descriptor_); }

}  // namespace attune
