#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <algorithm>
#include <caffe2/serialize/inline_container.h>
#include <limits>
#include <vector>

#include <attune/sdk/error.h>

#include "formats/exported/program.h"

namespace attune {
namespace {

using caffe2::serialize::PyTorchStreamReader;
using nlohmann::json;

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

bool begins_with(const std::string& text, const std::string& begin) {
  return text.compare(0, begin.size(), begin) == 0;
}

json read_json(PyTorchStreamReader& reader, const std::string& record) {
  const auto [data, size] = reader.getRecord(record);
  const char* bytes = static_cast<const char*>(data.get());
  return json::parse(bytes, bytes + size);
}

// "model" of "models/model.json"; a package of torch.export.pt2_archive may hold several.
std::string program_of(const std::vector<std::string>& records) {
  std::vector<std::string> names;
  bool compiled = false;
  for (const std::string& record : records) {
    if (begins_with(record, "models/") && ends_with(record, ".json"))
      names.push_back(record.substr(7, record.size() - 12));
    compiled = compiled || begins_with(record, "data/aotinductor/");
  }
  if (names.size() == 1) return names.front();
  if (names.empty() && compiled) {
    throw Error(Fault::input,
                "holds compiled code and no graph, so that nothing in it can be differentiated; save the "
                "program with torch.export.save instead of compiling it");
  }
  if (names.empty()) {
    throw Error(Fault::input,
                "was saved by torch.export of PyTorch 2.7 or older; load it there with torch.export.load and save it "
                "again with PyTorch 2.8 or newer");
  }
  std::string list = names.front();
  for (size_t i = 1; i < names.size(); ++i) list += ", " + names[i];
  throw Error(Fault::input, "holds several programs (" + list + "); expected one");
}

// The bytes of one storage; they live as long as a tensor looks at them.
at::Tensor read_storage(PyTorchStreamReader& reader, const std::string& record) {
  auto [data, size] = reader.getRecord(record);
  const auto owner = std::make_shared<at::DataPtr>(std::move(data));
  return at::from_blob(
      owner->get(), {static_cast<int64_t>(size)}, [owner](void*) {}, at::kByte);
}

std::vector<int64_t> numbers(const json& list) {
  std::vector<int64_t> values;
  for (const json& entry : list) values.push_back(entry.at("as_int").get<int64_t>());
  return values;
}

// How many elements of a storage a tensor reaches; -1 when the numbers are absurd.
int64_t reach(const std::vector<int64_t>& sizes, const std::vector<int64_t>& strides, int64_t offset) {
  int64_t last = offset;
  if (sizes.size() != strides.size() || offset < 0) return -1;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] < 0 || strides[i] < 0) return -1;
    if (sizes[i] == 0) return 0;
    int64_t span = 0;
    if (__builtin_mul_overflow(sizes[i] - 1, strides[i], &span) || __builtin_add_overflow(last, span, &last)) return -1;
  }
  return last == std::numeric_limits<int64_t>::max() ? -1 : last + 1;
}

at::Tensor tensor_of(const at::Tensor& storage, const json& meta, const std::string& name) {
  const at::ScalarType type = scalar_type(meta.at("dtype").get<int64_t>());
  const auto sizes = numbers(meta.at("sizes")), strides = numbers(meta.at("strides"));
  const auto offset = meta.at("storage_offset").at("as_int").get<int64_t>();
  const int64_t needed = reach(sizes, strides, offset);
  const auto width = static_cast<int64_t>(c10::elementSize(type));
  if (needed < 0 || needed > storage.numel() / width) {
    throw Error(Fault::input,
                "is damaged: '" + name + "' reaches beyond its " + std::to_string(storage.numel()) + " bytes");
  }
  const int64_t whole = storage.numel() / width * width;
  if (whole == 0) return at::empty(sizes, at::TensorOptions().dtype(type));
  return storage.narrow(0, 0, whole).view(type).as_strided(sizes, strides, offset);
}

// What a `..._config.json` lists, with one copy on the device of each storage.
void read_tensors(PyTorchStreamReader& reader, const std::vector<std::string>& records, const std::string& folder,
                  const std::vector<std::string>& configs, c10::Device device,
                  std::map<std::string, at::Tensor>& tensors) {
  std::map<std::string, at::Tensor> storages;
  for (const std::string& config : configs) {
    if (std::find(records.begin(), records.end(), folder + config) == records.end()) continue;
    const json list = read_json(reader, folder + config);
    for (const auto& [name, entry] : list.at("config").items()) {
      const auto file = entry.at("path_name").get<std::string>();
      if (entry.at("use_pickle").get<bool>() || begins_with(file, "custom_obj")) {
        throw Error(Fault::input,
                    "holds '" + name + "' as a Python object, which cannot be read here; expected tensors");
      }
      auto storage = storages.find(file);
      if (storage == storages.end())
        storage = storages.emplace(file, read_storage(reader, folder + file).to(device)).first;
      tensors[name] = tensor_of(storage->second, entry.at("tensor_meta"), name);
    }
  }
}

}  // namespace

c10::ScalarType scalar_type(int64_t number) {
  static const std::map<int64_t, c10::ScalarType> types{
      {1, c10::kByte}, {2, c10::kChar},  {3, c10::kShort},  {4, c10::kInt},   {5, c10::kLong},
      {6, c10::kHalf}, {7, c10::kFloat}, {8, c10::kDouble}, {12, c10::kBool}, {13, c10::kBFloat16}};
  const auto found = types.find(number);
  if (found == types.end()) {
    throw Error(Fault::input, "has tensors of type number " + std::to_string(number) +
                                  ", expected floating-point, integer or boolean ones");
  }
  return found->second;
}

ExportedArchive read_archive(const std::filesystem::path& path, c10::Device device) {
  PyTorchStreamReader reader(path.string());
  const std::vector<std::string> records = reader.getAllRecords();
  const std::string name = program_of(records);
  ExportedArchive archive{read_json(reader, "models/" + name + ".json"), {}};
  read_tensors(reader, records, "data/weights/", {name + "_weights_config.json", name + "_model_param_config.json"},
               device, archive.tensors);
  read_tensors(reader, records, "data/constants/", {name + "_constants_config.json"}, device, archive.tensors);
  return archive;
}

}  // namespace attune
