#include "plugin/trust.h"

#include <cerrno>
#include <cstring>
#include <sys/stat.h>
#include <unistd.h>

namespace attune {
namespace {

std::string reason_of_ownership(const struct stat& status, const std::string& what) {
  if (status.st_uid == 0 || status.st_uid == geteuid()) return "";
  return "the " + what + " belongs to user " + std::to_string(status.st_uid) +
         "; it must belong to root or to you (user " + std::to_string(geteuid()) + ")";
}

}  // namespace

Trust inspect_folder(const std::filesystem::path& folder) {
  struct stat status {};
  if (stat(folder.c_str(), &status) != 0)
    return {std::string("the folder cannot be read: ") + std::strerror(errno), ""};
  if (!S_ISDIR(status.st_mode)) return {"it is not a folder", ""};
  if (access(folder.c_str(), R_OK | X_OK) != 0) {
    return {std::string("the folder cannot be read: ") + std::strerror(errno), ""};
  }
  if ((status.st_mode & S_IWOTH) && !(status.st_mode & S_ISVTX)) {
    return {"anyone may write to the folder; take that right away (chmod o-w)", ""};
  }
  if (std::string reason = reason_of_ownership(status, "folder"); !reason.empty()) return {reason, ""};
  if (status.st_mode & S_IWGRP) {
    return {"", "plugin folder " + folder.string() + " may be written to by group " + std::to_string(status.st_gid)};
  }
  return {};
}

Trust inspect_file(const std::filesystem::path& file) {
  struct stat status {};
  if (stat(file.c_str(), &status) != 0) return {std::string("the file cannot be read: ") + std::strerror(errno), ""};
  if (!S_ISREG(status.st_mode)) return {"it is not a regular file", ""};
  if (status.st_mode & S_IWOTH) return {"anyone may write to the file; take that right away (chmod o-w)", ""};
  return {reason_of_ownership(status, "file"), ""};
}

}  // namespace attune
