#include "train/checkpoint.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>
#include <cstring>
#include <vector>

#include <attune/sdk/error.h>

namespace attune {
namespace {

at::Tensor bytes_of(const std::string& text) {
  at::Tensor bytes = at::empty({static_cast<int64_t>(text.size())}, at::kByte);
  if (!text.empty()) std::memcpy(bytes.data_ptr(), text.data(), text.size());
  return bytes;
}

std::string text_of(const at::Tensor& bytes) {
  return {static_cast<const char*>(bytes.data_ptr()), static_cast<size_t>(bytes.numel())};
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

void write_checkpoint(const std::filesystem::path& file, const Checkpoint& checkpoint) {
  const Position& at = checkpoint.position;
  const std::vector<int64_t> integers = {at.stage,           at.epoch,           at.step, at.best_epoch, at.counted,
                                         checkpoint.log.csv, checkpoint.log.json};
  const std::vector<double> reals = {at.best, at.loss_sum, at.consistency_sum, at.norm_sum};
  NamedTensors all = {{"integers", at::tensor(integers, at::kLong)},
                      {"reals", at::tensor(reals, at::kDouble)},
                      {"layer", bytes_of(checkpoint.layer)}};
  add(all, "model/", checkpoint.model);
  add(all, "stepper/", checkpoint.stepper);
  write_tensors(file, all);
}

Checkpoint read_checkpoint(const std::filesystem::path& file) {
  const NamedTensors all = read_tensors(file);
  if (all.count("integers") == 0 || all.count("reals") == 0 || all.count("layer") == 0) {
    throw Error(Fault::input, file.string() + ": is no checkpoint of a run");
  }
  const auto* integers = all.at("integers").data_ptr<int64_t>();
  const auto* reals = all.at("reals").data_ptr<double>();
  Checkpoint checkpoint;
  checkpoint.position = {integers[0], integers[1], integers[2], integers[3], reals[0],
                         integers[4], reals[1],    reals[2],    reals[3]};
  checkpoint.log = {integers[5], integers[6]};
  checkpoint.layer = text_of(all.at("layer"));
  checkpoint.model = part(all, "model/");
  checkpoint.stepper = part(all, "stepper/");
  return checkpoint;
}

}  // namespace attune
