#include "formats/archive/zip.h"

#include <ATen/ops/empty.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <attune/sdk/error.h>

namespace attune {
namespace {

constexpr size_t end_size = 22, locator_size = 20, wide_end_size = 56, entry_size = 46, header_size = 30;
constexpr uint32_t end_mark = 0x06054b50, locator_mark = 0x07064b50, wide_end_mark = 0x06064b50,
                   entry_mark = 0x02014b50, header_mark = 0x04034b50, descriptor_mark = 0x08074b50;
constexpr uint32_t in_wide_field = 0xffffffff;
constexpr size_t longest_comment = 0xffff;
constexpr size_t piece = size_t{1} << 20;  // of a file, read at once

[[noreturn]] void damaged(const std::string& what) { throw Error(Fault::input, "is damaged: " + what); }

// Little-endian, as x86 and ARM are.
template <class Number>
Number number_at(const std::string& bytes, size_t at) {
  Number number = 0;
  if (at + sizeof number > bytes.size()) damaged("its directory ends within an entry");
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return number;
}

uint32_t checksum_of(uint32_t so_far, const char* bytes, size_t size) {
  return static_cast<uint32_t>(crc32_z(so_far, reinterpret_cast<const unsigned char*>(bytes), size));
}

}  // namespace

class ZipArchive::File {
 public:
  explicit File(const std::filesystem::path& path) : descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    struct stat status {};
    if (descriptor_ < 0 || fstat(descriptor_, &status) != 0)
      throw Error(Fault::input, std::string("cannot be opened: ") + std::strerror(errno));
    size = static_cast<uint64_t>(status.st_size);
  }
  ~File() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  void read(uint64_t at, char* to, size_t count) const {
    while (count > 0) {
      const ssize_t got = pread(descriptor_, to, count, static_cast<off_t>(at));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) damaged("it ends too early");
      to += got;
      at += static_cast<uint64_t>(got);
      count -= static_cast<size_t>(got);
    }
  }
  std::string read(uint64_t at, uint64_t count) const {
    if (at > size || count > size - at) damaged("it ends too early");
    std::string bytes(count, '\0');
    read(at, bytes.data(), bytes.size());
    return bytes;
  }

  uint64_t size = 0;

 private:
  int descriptor_;
};

ZipArchive::ZipArchive(const std::filesystem::path& path) : file_(std::make_shared<File>(path)), begin_(0) {
  end_ = file_->size;
  list();
}

ZipArchive::ZipArchive(std::shared_ptr<const File> file, uint64_t begin, uint64_t end)
    : file_(std::move(file)), begin_(begin), end_(end) {
  list();
}

ZipArchive ZipArchive::within(const std::string& record) const {
  const ZipRecord& place = this->record(record);
  if (place.compressed) damaged("its record '" + record + "' is compressed");
  return {file_, place.begin, place.end()};
}

void ZipArchive::list() {
  const uint64_t tail_size = std::min<uint64_t>(end_ - begin_, longest_comment + end_size + locator_size);
  const std::string tail = file_->read(end_ - tail_size, tail_size);
  const size_t at = tail.rfind(std::string("PK\5\6"));
  if (at == std::string::npos || at + end_size > tail.size()) damaged("it is cut off, or no zip");
  uint64_t count = number_at<uint16_t>(tail, at + 10), size = number_at<uint32_t>(tail, at + 12),
           begin = number_at<uint32_t>(tail, at + 16);
  if (at >= locator_size && number_at<uint32_t>(tail, at - locator_size) == locator_mark) {
    const std::string wide = file_->read(begin_ + number_at<uint64_t>(tail, at - locator_size + 8), wide_end_size);
    if (number_at<uint32_t>(wide, 0) != wide_end_mark) damaged("its directory cannot be found");
    count = number_at<uint64_t>(wide, 32), size = number_at<uint64_t>(wide, 40), begin = number_at<uint64_t>(wide, 48);
  }
  if (begin > end_ - begin_ || size > end_ - begin_ - begin) damaged("its directory lies beyond its end");
  const std::string directory = file_->read(begin_ + begin, size);
  size_t entry = 0;
  for (uint64_t i = 0; i < count; ++i) {
    if (number_at<uint32_t>(directory, entry) != entry_mark) damaged("its directory has no entry where one should be");
    list_entry(directory, entry, begin_ + begin + entry, records_);
    entry += entry_size + number_at<uint16_t>(directory, entry + 28) + number_at<uint16_t>(directory, entry + 30) +
             number_at<uint16_t>(directory, entry + 32);
  }
  require_apart();
  forget_folder();
}

void ZipArchive::list_entry(const std::string& directory, size_t at, uint64_t entry,
                            std::map<std::string, ZipRecord>& found) {
  const size_t name_size = number_at<uint16_t>(directory, at + 28),
               extra_size = number_at<uint16_t>(directory, at + 30);
  uint64_t size = number_at<uint32_t>(directory, at + 24), packed = number_at<uint32_t>(directory, at + 20),
           header = number_at<uint32_t>(directory, at + 42);
  size_t extra = at + entry_size + name_size;
  const size_t extra_end = extra + extra_size;
  while (extra + 4 <= extra_end) {
    const auto kind = number_at<uint16_t>(directory, extra);
    size_t field = extra + 4;
    for (uint64_t* number : {&size, &packed, &header}) {
      if (kind != 1 || *number != in_wide_field) continue;
      *number = number_at<uint64_t>(directory, field);
      field += sizeof *number;
    }
    extra += size_t{4} + number_at<uint16_t>(directory, extra + 2);
  }
  if (at + entry_size + name_size > directory.size()) damaged("its directory ends within an entry");
  const std::string name = directory.substr(at + entry_size, name_size);
  ZipRecord record{entry,
                   begin_ + header,
                   0,
                   packed,
                   number_at<uint32_t>(directory, at + 16),
                   number_at<uint16_t>(directory, at + 10) != 0};
  if (header > end_ - begin_) damaged("its record '" + name + "' lies beyond its end");
  const std::string own = file_->read(record.header, header_size);
  if (number_at<uint32_t>(own, 0) != header_mark) damaged("its record '" + name + "' is not where it should be");
  record.begin = record.header + header_size + number_at<uint16_t>(own, 26) + number_at<uint16_t>(own, 28);
  if (record.begin > end_ || packed > end_ - record.begin) damaged("its record '" + name + "' lies beyond its end");
  if (!record.compressed && size != packed) damaged("its record '" + name + "' has two sizes");
  if (!found.emplace(name, record).second) damaged("it has the record '" + name + "' twice");
}

// "model/data/0" is "data/0" where all lie in "model".
void ZipArchive::forget_folder() {
  if (records_.empty()) return;
  const std::string& first = records_.begin()->first;
  const std::string folder = first.substr(0, first.find('/') + 1);
  const auto is_within = [&](const auto& entry) { return entry.first.compare(0, folder.size(), folder) == 0; };
  if (folder.empty() || !std::all_of(records_.begin(), records_.end(), is_within)) return;
  std::map<std::string, ZipRecord> plain;
  for (const auto& [name, record] : records_) plain.emplace(name.substr(folder.size()), record);
  records_ = std::move(plain);
}

// A few bytes that are many records would fill the memory.
void ZipArchive::require_apart() const {
  std::vector<std::pair<uint64_t, uint64_t>> places;
  for (const auto& [name, record] : records_) places.emplace_back(record.header, record.end());
  std::sort(places.begin(), places.end());
  for (size_t i = 1; i < places.size(); ++i) {
    if (places[i].first < places[i - 1].second) damaged("its records overlap");
  }
}

const ZipRecord& ZipArchive::record(const std::string& name) const {
  const auto found = records_.find(name);
  if (found == records_.end()) damaged("it has no record '" + name + "'");
  return found->second;
}

void ZipArchive::copy(const std::string& name, const ZipRecord& record, char* to) const {
  if (record.compressed) damaged("its record '" + name + "' is compressed");
  uint32_t checksum = 0;
  std::string buffer(to == nullptr ? std::min<uint64_t>(piece, record.size) : 0, '\0');
  for (uint64_t done = 0; done < record.size; done += piece) {
    const auto count = static_cast<size_t>(std::min<uint64_t>(piece, record.size - done));
    char* const bytes = to == nullptr ? buffer.data() : to + done;
    file_->read(record.begin + done, bytes, count);
    checksum = checksum_of(checksum, bytes, count);
  }
  if (record.checksum != 0 && checksum != record.checksum)
    damaged("the bytes of its record '" + name + "' are not those that were written");
}

at::Tensor ZipArchive::read(const std::string& name) const {
  const ZipRecord& place = record(name);
  at::Tensor bytes = at::empty({static_cast<int64_t>(place.size)}, at::kByte);
  copy(name, place, static_cast<char*>(bytes.data_ptr()));
  return bytes;
}

std::string ZipArchive::text(const std::string& name) const {
  const ZipRecord& place = record(name);
  std::string bytes(place.size, '\0');
  copy(name, place, bytes.data());
  return bytes;
}

void ZipArchive::check() const {
  for (const auto& [name, record] : records_) {
    if (!record.compressed) copy(name, record, nullptr);
  }
}

ZipTemplate::ZipTemplate(const ZipArchive& archive, std::vector<ZipRecord> replaced, std::vector<ZipRecord> around)
    : replaced_(std::move(replaced)), around_(std::move(around)) {
  std::sort(replaced_.begin(), replaced_.end(), [](const auto& a, const auto& b) { return a.begin < b.begin; });
  uint64_t at = 0;
  for (const ZipRecord& record : replaced_) {
    between_.push_back(archive.file_->read(at, record.begin - at));
    at = record.end();
  }
  between_.push_back(archive.file_->read(at, archive.file_->size - at));
}

namespace {

// The checksum of what now stands there, in each of the places that have one.
void renew_checksum(std::fstream& file, const ZipRecord& record) {
  if (record.checksum == 0) return;
  std::string bytes(std::min<uint64_t>(piece, record.size), '\0');
  uint32_t checksum = 0;
  file.seekg(static_cast<std::streamoff>(record.begin));
  for (uint64_t left = record.size; left > 0 && file;) {
    const uint64_t count = std::min<uint64_t>(piece, left);
    file.read(bytes.data(), static_cast<std::streamsize>(count));
    checksum = checksum_of(checksum, bytes.data(), count);
    left -= count;
  }
  const auto put = [&](uint64_t at) {
    file.seekp(static_cast<std::streamoff>(at));
    file.write(reinterpret_cast<const char*>(&checksum), sizeof checksum);
  };
  const auto mark_at = [&](uint64_t at) {
    uint32_t mark = 0;
    file.seekg(static_cast<std::streamoff>(at));
    file.read(reinterpret_cast<char*>(&mark), sizeof mark);
    file.clear();
    return mark;
  };
  put(record.entry + 16);
  if (mark_at(record.header + 14) != 0) put(record.header + 14);  // else it stands behind the bytes
  if (mark_at(record.end()) == descriptor_mark) put(record.end() + 4);
}

}  // namespace

void ZipTemplate::write(const std::filesystem::path& path,
                        const std::function<at::Tensor(const ZipRecord&)>& bytes) const {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out | std::ios::trunc);
  const auto put = [&](const void* data, size_t size) {
    file.write(static_cast<const char*>(data), static_cast<std::streamsize>(size));
  };
  for (size_t i = 0; i < replaced_.size() && file; ++i) {
    put(between_[i].data(), between_[i].size());
    const at::Tensor taken = bytes(replaced_[i]);
    put(taken.data_ptr(), replaced_[i].size);
  }
  put(between_.back().data(), between_.back().size());
  file.flush();
  if (file) {
    for (const auto* records : {&replaced_, &around_}) {
      for (const ZipRecord& record : *records) renew_checksum(file, record);
    }
    file.flush();
  }
  if (!file) throw Error(Fault::output, path.string() + ": cannot be written: " + std::strerror(errno));
}

}  // namespace attune
