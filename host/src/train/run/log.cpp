#include "train/run/log.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <sstream>
#include <sys/stat.h>
#include <unistd.h>

#include <attune/sdk/error.h>

#include "metrics/metric.h"

namespace attune {
namespace {

// Of the steps, then of the validation part.
std::vector<std::string> all_columns() {
  std::vector<std::string> columns{"rate", "loss", "consistency_loss", "gradient_norm"};
  for (const Metric& metric : validation_metrics()) columns.push_back(validation_column(metric.name));
  return columns;
}

std::string header(const std::vector<std::string>& columns) {
  std::string line = "stage,epoch";
  for (const std::string& column : columns) line += "," + column;
  return line + "\n";
}

// The shortest text that reads back as the same number; nothing for what is not finite.
std::string shortest(double value) {
  if (!std::isfinite(value)) return "";
  std::array<char, 32> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

std::string csv_line(const LogRow& row, const std::vector<std::string>& columns) {
  std::string line = row.stage + "," + std::to_string(row.epoch);
  for (const std::string& column : columns) {
    const auto is_it = [&](const auto& number) { return number.first == column; };
    const auto found = std::find_if(row.numbers.begin(), row.numbers.end(), is_it);
    line += ',';
    if (found != row.numbers.end()) line += shortest(found->second);
  }
  return line + "\n";
}

LogRow parsed(const std::string& line, const std::vector<std::string>& columns) {
  std::istringstream fields(line);
  std::string field;
  LogRow row;
  std::getline(fields, row.stage, ',');
  std::getline(fields, field, ',');
  row.epoch = std::strtoll(field.c_str(), nullptr, 10);
  for (const std::string& column : columns) {
    if (std::getline(fields, field, ',') && !field.empty()) {
      row.numbers.emplace_back(column, std::strtod(field.c_str(), nullptr));
    }
  }
  return row;
}

// What a header names behind stage and epoch.
std::vector<std::string> columns_of(const std::string& header) {
  std::istringstream fields(header);
  std::vector<std::string> columns;
  for (std::string field; std::getline(fields, field, ',');) columns.push_back(field);
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
  csv_.append(csv_line(row, columns_));
  json_.append(json_line(row));
  epochs_.push_back(row);
}

RunLog::Size RunLog::sync() {
  csv_.sync();
  json_.sync();
  return {csv_.size(), json_.size()};
}

}  // namespace attune
