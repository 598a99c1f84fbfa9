#include "data/dataset.h"

#include <attune/sdk/error.h>

#include "data/readers.h"

namespace attune {
namespace {

Drafts read_split(const DataSource& source, const std::string& split) {
  switch (source.format) {
    case DataFormat::voc:
      return read_voc(source, split);
    case DataFormat::folders:
      return read_class_folders(source, split);
    case DataFormat::csv:
      return read_csv_list(source, split);
    case DataFormat::images:
      return read_image_folder(source, split);
  }
  throw Error(Fault::run, "there is no such format of data");
}

}  // namespace

std::vector<Dataset> read_datasets(const DataSource& source, const std::vector<std::string>& splits) {
  if (source.format == DataFormat::voc && source.clips) {
    throw Error(Fault::spec, "PASCAL VOC holds pictures, not clips; clips come in class folders or a CSV list");
  }
  std::error_code ignored;
  if (!std::filesystem::is_directory(source.root, ignored)) refuse(source.root, "there is no such folder of data");
  std::vector<Drafts> drafts;
  for (const std::string& split : splits) drafts.push_back(read_split(source, split));
  return resolve(std::move(drafts), source);
}

Dataset subset(const Dataset& dataset, const std::vector<int64_t>& indices) {
  Dataset result{dataset.list, dataset.classes, {}, dataset.problems, dataset.clips};
  for (const int64_t index : indices) result.examples.push_back(dataset.examples.at(static_cast<size_t>(index)));
  return result;
}

}  // namespace attune
