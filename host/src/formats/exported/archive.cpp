#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <algorithm>
#include <deque>
#include <limits>
#include <vector>

#include <attune/sdk/error.h>

#include "formats/archive/pickle.h"
#include "formats/archive/zip.h"
#include "formats/exported/exported.h"
#include "formats/exported/program.h"

namespace attune {
namespace {

using nlohmann::json;

constexpr const char* old_program = "serialized_exported_program.json";  // of PyTorch up to 2.7
constexpr int deepest_json = 200;
constexpr int64_t most_spread = 1 << 26;

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

bool begins_with(const std::string& text, const std::string& begin) {
  return text.compare(0, begin.size(), begin) == 0;
}

// Older versions write numbers as Python does, for which JSON has no word: Infinity is "Infinity" here. Whatever takes
// JSON apart calls itself at every level, so that text of many levels is refused.
std::string plain_json(const std::string& text, const std::string& record) {
  std::string plain;
  plain.reserve(text.size());
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    size_t end = i + 1;
    if (quoted && c == '\\') ++end;
    if (!quoted && (c == 'N' || c == 'I')) {
      end = std::min(text.find_first_not_of("NaInfity", i), text.size());
      const bool is_negative = !plain.empty() && plain.back() == '-';
      if (is_negative) plain.pop_back();
      plain += (is_negative ? "\"-" : "\"") + text.substr(i, end - i) + '"';
    } else {
      plain.append(text, i, end - i);
    }
    if (c == '"') quoted = !quoted;
    if (!quoted && (c == '{' || c == '[') && ++depth > deepest_json)
      throw Error(Fault::input, "is damaged: its record '" + record + "' is nested too deeply");
    if (!quoted && (c == '}' || c == ']')) --depth;
    i = end - 1;
  }
  return plain;
}

json read_json(const ZipArchive& archive, const std::string& record) {
  return program_json(archive.text(record), record);
}

// "model" of "models/model.json"; a package of torch.export.pt2_archive may hold several.
std::string program_of(const ZipArchive& archive) {
  std::vector<std::string> names;
  bool compiled = false;
  for (const auto& [record, place] : archive.records()) {
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
  if (names.empty()) throw Error(Fault::input, "is damaged: it holds no program");
  std::string list = names.front();
  for (size_t i = 1; i < names.size(); ++i) list += ", " + names[i];
  throw Error(Fault::input, "holds several programs (" + list + "); expected one");
}

}  // namespace

int64_t whole(const json& number) {
  if (number.is_number_integer()) return number.get<int64_t>();
  throw Error(Fault::input, "is damaged: " + number.dump(-1, ' ', false, json::error_handler_t::replace).substr(0, 40) +
                                " stands where a whole number is expected");
}

std::vector<int64_t> wholes(const json& list) {
  std::vector<int64_t> numbers;
  for (const json& number : list) numbers.push_back(whole(number));
  return numbers;
}

namespace {

std::vector<int64_t> numbers(const json& list) {
  std::vector<int64_t> values;
  for (const json& entry : list) values.push_back(whole(entry.at("as_int")));
  return values;
}

// How many elements of a storage a tensor reaches; -1 when the numbers are absurd.
int64_t reach(const StoredTensor& tensor, int64_t elements) {
  int64_t last = tensor.offset, count = 1;
  if (tensor.sizes.size() != tensor.strides.size() || tensor.offset < 0) return -1;
  for (size_t i = 0; i < tensor.sizes.size(); ++i) {
    const int64_t size = tensor.sizes[i], stride = tensor.strides[i];
    if (size < 0 || stride < 0) return -1;
    if (size == 0) return 0;
    int64_t span = 0;
    if (__builtin_mul_overflow(size - 1, stride, &span) || __builtin_add_overflow(last, span, &last) ||
        __builtin_mul_overflow(count, size, &count))
      return -1;
  }
  const bool is_spread = count > elements && count > most_spread;  // one value many times
  return is_spread || last == std::numeric_limits<int64_t>::max() ? -1 : last + 1;
}

at::Tensor tensor_of(const at::Tensor& storage, const StoredTensor& place, const std::string& name) {
  const auto width = static_cast<int64_t>(c10::elementSize(place.type));
  const int64_t needed = reach(place, storage.numel() / width);
  if (needed < 0 || needed > storage.numel() / width) {
    throw Error(Fault::input,
                "is damaged: '" + name + "' reaches beyond its " + std::to_string(storage.numel()) + " bytes");
  }
  if (needed == 0) return at::empty(place.sizes, at::TensorOptions().dtype(place.type));
  const int64_t whole = storage.numel() / width * width;
  return storage.narrow(0, 0, whole).view(place.type).as_strided(place.sizes, place.strides, place.offset);
}

using StoredTensors = std::map<std::string, StoredTensor>;

// Of a `..._config.json`.
StoredTensors listed_tensors(const json& list) {
  StoredTensors tensors;
  for (const auto& [name, entry] : list.at("config").items()) {
    const auto record = entry.at("path_name").get<std::string>();
    if (entry.at("use_pickle").get<bool>() || begins_with(record, "custom_obj")) {
      throw Error(Fault::input, "holds '" + name + "' as a Python object, which cannot be read here; expected tensors");
    }
    const json& meta = entry.at("tensor_meta");
    tensors[name] = {record, scalar_type(whole(meta.at("dtype"))), numbers(meta.at("sizes")),
                     numbers(meta.at("strides")), whole(meta.at("storage_offset").at("as_int"))};
  }
  return tensors;
}

// A storage of the file, on the model's device, and the tensors in it.
struct Storage {
  ZipRecord place;
  at::Tensor bytes;
  StoredTensors tensors;
};

// What a state makes of a storage's bytes.
at::Tensor bytes_with(const Storage& storage, const NamedTensors& state) {
  const at::Tensor bytes = storage.bytes.to(at::kCPU, /*non_blocking=*/false, /*copy=*/true);
  for (const auto& [name, place] : storage.tensors) {
    const auto found = state.find(name);
    if (found == state.end() || found->second.numel() == 0) continue;
    const auto offset = place.offset * static_cast<int64_t>(c10::elementSize(place.type));
    const bool is_there = found->second.data_ptr() == static_cast<char*>(storage.bytes.data_ptr()) + offset;
    if (!is_there) tensor_of(bytes, place, name).copy_(found->second);
  }
  return bytes;
}

class ArchiveReader {
 public:
  ArchiveReader(const std::filesystem::path& path, c10::Device device) : file_(path), device_(device) {}

  ExportedArchive read() {
    file_.has(old_program) ? read_old() : read_new();
    archive_.write = writer();
    return std::move(archive_);
  }

 private:
  void read_new() {
    const std::string name = program_of(file_);
    archive_.program = read_json(file_, "models/" + name + ".json");
    for (const std::string& config : {name + "_weights_config.json", name + "_model_param_config.json"}) {
      if (file_.has("data/weights/" + config))
        add(file_, "data/weights/", listed_tensors(read_json(file_, "data/weights/" + config)), archive_.state);
    }
    const std::string constants = "data/constants/" + name + "_constants_config.json";
    if (file_.has(constants))
      add(file_, "data/constants/", listed_tensors(read_json(file_, constants)), archive_.constants);
  }

  // The archives of torch.save within that of the program.
  void read_old() {
    archive_.program = read_json(file_, old_program);
    read_pickled("serialized_state_dict.pt", archive_.state);
    if (file_.has("serialized_constants.pt")) read_pickled("serialized_constants.pt", archive_.constants);
  }

  void read_pickled(const std::string& record, NamedTensors& tensors) {
    const ZipArchive inner = file_.within(record);
    around_.push_back(file_.record(record));
    add(inner, "", pickled_tensors(inner.text("data.pkl")), tensors);
  }

  // With one copy on the device of each storage.
  void add(const ZipArchive& archive, const std::string& folder, const StoredTensors& stored, NamedTensors& tensors) {
    std::map<std::string, Storage*> read;
    for (const auto& [name, place] : stored) {
      Storage*& storage = read[place.record];
      if (storage == nullptr) {
        const std::string record = folder + place.record;
        storages_->push_back({archive.record(record), archive.read(record).to(device_), {}});
        storage = &storages_->back();
      }
      storage->tensors[name] = place;
      tensors[name] = tensor_of(storage->bytes, place, name);
    }
  }

  std::function<void(const std::filesystem::path&, const NamedTensors&)> writer() const {
    std::vector<ZipRecord> replaced;
    for (const Storage& storage : *storages_) replaced.push_back(storage.place);
    return [storages = storages_, file = ZipTemplate(file_, replaced, around_)](const auto& path, const auto& state) {
      const at::NoGradGuard no_gradients;
      file.write(path, [&](const ZipRecord& place) {
        const auto is_it = [&](const Storage& storage) { return storage.place.begin == place.begin; };
        return bytes_with(*std::find_if(storages->begin(), storages->end(), is_it), state);
      });
    };
  }

  const ZipArchive file_;
  const c10::Device device_;
  ExportedArchive archive_;
  const std::shared_ptr<std::deque<Storage>> storages_ = std::make_shared<std::deque<Storage>>();
  std::vector<ZipRecord> around_;
};

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

bool is_exported(const std::filesystem::path& path) {
  try {
    const ZipArchive archive(path);
    return archive.has("archive_format") || archive.has(old_program);
  } catch (const Error&) {
    return false;
  }
}

json program_json(const std::string& text, const std::string& record) {
  json document = json::parse(plain_json(text, record), nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded()) throw Error(Fault::input, "is damaged: its record '" + record + "' is no JSON");
  return document;
}

ExportedArchive read_archive(const std::filesystem::path& path, c10::Device device) {
  return ArchiveReader(path, device).read();
}

}  // namespace attune
