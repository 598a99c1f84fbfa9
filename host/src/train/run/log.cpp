#include "train/run/log.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

#include <attune/sdk/error.h>

#include "base/csv.h"
#include "metrics/metric.h"

namespace attune {
namespace {

// Of the steps, then of the validation part.
std::vector<std::string> all_columns() {
  std::vector<std::string> columns{"rate", "loss", "consistency_loss", "gradient_norm"};
  for (const Metric& metric : validation_metrics()) columns.push_back(validation_column(metric.name));
  return columns;
}

std::string header(std::vector<std::string> columns) {
  columns.insert(columns.begin(), {"stage", "epoch"});
  return csv_line(columns);
}

std::string line_of(const LogRow& row, const std::vector<std::string>& columns) {
  std::vector<std::string> fields{row.stage, std::to_string(row.epoch)};
  for (const std::string& column : columns) {
    const auto is_it = [&](const auto& number) { return number.first == column; };
    const auto found = std::find_if(row.numbers.begin(), row.numbers.end(), is_it);
    fields.push_back(found == row.numbers.end() ? "" : csv_number(found->second));
  }
  return csv_line(fields);
}

LogRow parsed(const std::string& line, const std::vector<std::string>& columns) {
  const std::vector<std::string> fields = csv_fields(line);
  LogRow row;
  row.stage = fields[0];
  if (fields.size() > 1) row.epoch = std::strtoll(fields[1].c_str(), nullptr, 10);
  for (size_t i = 2; i < std::min(fields.size(), columns.size() + 2); ++i) {
    if (!fields[i].empty()) row.numbers.emplace_back(columns[i - 2], csv_value(fields[i]));
  }
  return row;
}

// What a header names behind stage and epoch.
std::vector<std::string> columns_of(const std::string& header) {
  std::vector<std::string> columns = csv_fields(header);
  columns.erase(columns.begin(), columns.begin() + std::min<std::ptrdiff_t>(2, std::ssize(columns)));
  return columns;
}

}  // namespace

GrowingFile::GrowingFile(std::filesystem::path path, int64_t keep)
    : path_(std::move(path)),
      descriptor_(open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)),
      size_(keep) {
  if (descriptor_ < 0) fail();
  struct stat status {};
  if (fstat(descriptor_, &status) != 0 || (status.st_size > keep && ftruncate(descriptor_, keep) != 0)) fail();
  if (status.st_size < keep) {
    close(descriptor_);
    throw Error(Fault::input, path_.string() + ": has " + std::to_string(status.st_size) + " bytes, but had " +
                                  std::to_string(keep) + " when the checkpoint was written");
  }
}

GrowingFile::~GrowingFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

void GrowingFile::append(const std::string& text) {
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t written = write(descriptor_, text.data() + done, text.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) fail();
    done += static_cast<size_t>(written);
  }
  size_ += static_cast<int64_t>(text.size());
}

void GrowingFile::sync() {
  // Some file systems cannot flush a single file.
  if (fsync(descriptor_) != 0 && errno != EINVAL && errno != ENOTSUP) fail();
}

void GrowingFile::fail() const {
  throw Error(Fault::output, path_.string() + ": cannot be written: " + std::strerror(errno));
}

RunLog::RunLog(const std::filesystem::path& folder, Size keep)
    : csv_(folder / "log.csv", keep.csv), json_(folder / "log.jsonl", keep.json) {
  if (keep.csv == 0) csv_.append(header(all_columns()));
  std::ifstream stream(folder / "log.csv");
  std::string line;
  std::getline(stream, line);
  columns_ = columns_of(line);
  while (std::getline(stream, line)) epochs_.push_back(parsed(line, columns_));
}

void RunLog::step(const LogRow& row) { json_.append(json_line(row)); }

void RunLog::epoch(const LogRow& row) {
  csv_.append(line_of(row, columns_));
  json_.append(json_line(row));
  epochs_.push_back(row);
}

RunLog::Size RunLog::sync() {
  csv_.sync();
  json_.sync();
  return {csv_.size(), json_.size()};
}

}  // namespace attune
