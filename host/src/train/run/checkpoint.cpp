#include "train/run/checkpoint.h"

#include <ATen/ATen.h>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <type_traits>

#include <attune/sdk/error.h>

#include "formats/formats.h"
#include "image/output_file.h"

namespace attune {
namespace {

constexpr int64_t version = 3;  // of the fields below; another number for every change of them

at::Tensor bytes_of(const std::string& text) {
  at::Tensor bytes = at::empty({static_cast<int64_t>(text.size())}, at::kByte);
  if (!text.empty()) std::memcpy(bytes.data_ptr(), text.data(), text.size());
  return bytes;
}

std::string text_of(const at::Tensor& bytes) {
  return {static_cast<const char*>(bytes.data_ptr()), static_cast<size_t>(bytes.numel())};
}

// Calls `field(name, number)` for every number of a checkpoint, to write it or to read it.
template <class Of, class Field>
void for_each_number(Of& checkpoint, const Field& field) {
  auto& at = checkpoint.position;
  field("stage", at.stage);
  field("epoch", at.epoch);
  field("step", at.step);
  field("best_epoch", at.best.epoch);
  field("best_merit", at.best.merit);
  field("counted", at.counted);
  field("loss_sum", at.loss_sum);
  field("consistency_sum", at.consistency_sum);
  field("unlabelled_sum", at.unlabelled_sum);
  field("norm_sum", at.norm_sum);
  field("log_csv", checkpoint.log.csv);
  field("log_json", checkpoint.log.json);
}

// The fields of a file, each of which must be there and be what it should.
class Fields {
 public:
  explicit Fields(const std::filesystem::path& file) : file_(file), all_(read_tensors(file)) {}

  const NamedTensors& all() const { return all_; }

  // What counts is never below 0; lists are read by it.
  void take(const std::string& name, int64_t& number) const {
    number = one(name, at::kLong).item<int64_t>();
    if (number < 0) fail("is a damaged checkpoint: its \"" + name + "\" is " + std::to_string(number));
  }
  void take(const std::string& name, double& number) const { number = one(name, at::kDouble).item<double>(); }
  std::string text(const std::string& name) const { return text_of(field(name, at::kByte).contiguous()); }

  // Says what is wrong with a file that is none, or another version's.
  void require_version() const {
    if (all_.count("version") == 0 && all_.count("integers") == 0) fail("is no checkpoint of a run");
    int64_t found = 1;  // had no number
    if (all_.count("version") != 0) take("version", found);
    if (found == version) return;
    fail("is a checkpoint of another attune (format " + std::to_string(found) + ", this one goes on from format " +
         std::to_string(version) + "); go on with that one, or begin anew in another \"output\"");
  }

 private:
  at::Tensor field(const std::string& name, at::ScalarType type) const {
    const auto found = all_.find(name);
    if (found == all_.end()) fail("is a damaged checkpoint: it has no \"" + name + "\"");
    if (found->second.scalar_type() != type) fail("is a damaged checkpoint: its \"" + name + "\" is of another type");
    return found->second;
  }

  at::Tensor one(const std::string& name, at::ScalarType type) const {
    const at::Tensor number = field(name, type);
    if (number.numel() == 1) return number;
    fail("is a damaged checkpoint: its \"" + name + "\" has " + std::to_string(number.numel()) +
         " values instead of one");
  }

  [[noreturn]] void fail(const std::string& what) const { throw Error(Fault::input, file_.string() + ": " + what); }

  const std::filesystem::path& file_;
  const NamedTensors all_;
};

// Names of files may hold any other byte.
constexpr char end_of_text = '\0';

std::string text_of(const std::vector<Problem>& problems) {
  std::string text;
  for (const Problem& problem : problems) text += problem.path.string() + end_of_text + problem.sentence + end_of_text;
  return text;
}

std::vector<Problem> problems_of(const std::string& text) {
  std::vector<Problem> problems;
  std::istringstream stream(text);
  std::string path, sentence;
  while (std::getline(stream, path, end_of_text) && std::getline(stream, sentence, end_of_text)) {
    problems.push_back({path, sentence});
  }
  return problems;
}

void add(NamedTensors& all, const std::string& prefix, const NamedTensors& some) {
  for (const auto& [name, tensor] : some) all[prefix + name] = tensor;
}

NamedTensors part(const NamedTensors& all, const std::string& prefix) {
  NamedTensors some;
  for (const auto& [name, tensor] : all) {
    if (name.rfind(prefix, 0) == 0) some[name.substr(prefix.size())] = tensor;
  }
  return some;
}

}  // namespace

void write_tensors(const std::filesystem::path& file, const NamedTensors& tensors) {
  write_file(file, pickled(tensors));
}

NamedTensors read_tensors(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw Error(Fault::input, file.string() + ": cannot be read");
  try {
    return unpickled({std::istreambuf_iterator<char>(stream), {}});
  } catch (const std::exception&) {
    throw Error(Fault::input, file.string() + ": is damaged, or a file of another kind; expected tensors by name");
  }
}

void write_checkpoint(const std::filesystem::path& file, const Checkpoint& checkpoint) {
  NamedTensors all = {{"version", at::scalar_tensor(version, at::kLong)},
                      {"layer", bytes_of(checkpoint.layer)},
                      {"problems", bytes_of(text_of(checkpoint.problems))}};
  for_each_number(checkpoint, [&](const char* name, auto number) {
    all[name] = at::scalar_tensor(number, std::is_floating_point_v<decltype(number)> ? at::kDouble : at::kLong);
  });
  add(all, "model/", checkpoint.model);
  add(all, "stepper/", checkpoint.optimisers);
  write_tensors(file, all);
}

Checkpoint read_checkpoint(const std::filesystem::path& file) {
  const Fields fields(file);
  fields.require_version();
  Checkpoint checkpoint;
  for_each_number(checkpoint, [&](const char* name, auto& number) { fields.take(name, number); });
  checkpoint.layer = fields.text("layer");
  checkpoint.model = part(fields.all(), "model/");
  checkpoint.optimisers = part(fields.all(), "stepper/");
  checkpoint.problems = problems_of(fields.text("problems"));
  return checkpoint;
}

}  // namespace attune
