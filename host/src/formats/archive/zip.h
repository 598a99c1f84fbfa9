// Zip archives as PyTorch writes them: records lie in them as they are, so that they can be read, checked and replaced
// in place.
#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace attune {

// Where a record lies in the file.
struct ZipRecord {
  uint64_t entry = 0;   // of the directory
  uint64_t header = 0;  // its own
  uint64_t begin = 0, size = 0;
  uint32_t checksum = 0;  // CRC-32; 0: the writer made none
  bool compressed = false;

  uint64_t end() const { return begin + size; }
};

// All of it throws Error(Fault::input) that says what is damaged.
class ZipArchive {
 public:
  explicit ZipArchive(const std::filesystem::path& path);
  // An archive that is a record of this one.
  ZipArchive within(const std::string& record) const;

  // By their names in the folder that all of them lie in, if they do. No two overlap, and none reaches beyond the file.
  const std::map<std::string, ZipRecord>& records() const { return records_; }
  bool has(const std::string& name) const { return records_.count(name) != 0; }
  const ZipRecord& record(const std::string& name) const;
  // A record's bytes, which are what was written: their checksum is right.
  at::Tensor read(const std::string& name) const;  // uint8 [size]
  std::string text(const std::string& name) const;
  // Every record that is not compressed. Takes the time of reading the file.
  void check() const;

 private:
  friend class ZipTemplate;
  class File;

  ZipArchive(std::shared_ptr<const File> file, uint64_t begin, uint64_t end);
  void list();
  void list_entry(const std::string& directory, size_t at, uint64_t entry, std::map<std::string, ZipRecord>& found);
  void forget_folder();
  void require_apart() const;
  void copy(const std::string& name, const ZipRecord& record, char* to) const;

  std::shared_ptr<const File> file_;
  uint64_t begin_, end_;  // in the file
  std::map<std::string, ZipRecord> records_;
};

// All bytes of a file but those of some records, to write it again with others in their places.
class ZipTemplate {
 public:
  // `around`: records that `replaced` lie within. Both are of the file that `archive` is in.
  ZipTemplate(const ZipArchive& archive, std::vector<ZipRecord> replaced, std::vector<ZipRecord> around);

  // `bytes` gives what takes a replaced record's place: contiguous, on the CPU, of its size. Throws
  // Error(Fault::output).
  void write(const std::filesystem::path& path, const std::function<at::Tensor(const ZipRecord&)>& bytes) const;

 private:
  std::vector<ZipRecord> replaced_, around_;
  std::vector<std::string> between_;  // what lies before each replaced record, and behind the last
};

}  // namespace attune
