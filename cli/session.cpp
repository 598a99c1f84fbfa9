#include "session.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <cstdlib>
#include <iostream>
#include <thread>

#include <attune/sdk/error.h>

#include "image/npy.h"

namespace attune::cli {

c10::Device parse_device(const std::string& text) {
  try {
    const c10::Device device(text);
    if (device.is_cuda() && !at::hasCUDA()) {
      throw Error(Fault::usage,
                  "the device " + text + ": this LibTorch has no CUDA, or the machine has no such device; use cpu");
    }
    if (device.is_cpu()) return c10::kCPU;  // "cpu:0" too
    if (device.is_cuda()) return device;
  } catch (const c10::Error&) {
  }
  throw Error(Fault::usage, "the device '" + text + "' is unknown; expected cpu, cuda or cuda:INDEX");
}

void use_threads(int count) {
  // Whoever sets OMP_NUM_THREADS has decided already.
  if (count == 0 && std::getenv("OMP_NUM_THREADS") != nullptr) return;
  at::set_num_threads(count > 0 ? count : static_cast<int>(std::max(1U, std::thread::hardware_concurrency())));
}

Catalogue load_catalogue(const std::vector<std::string>& plugin_dirs) {
  return Catalogue::load(search_folders({plugin_dirs.begin(), plugin_dirs.end()}));
}

namespace {

ExtraInput read_extra(const std::string& given, c10::Device device) {
  const size_t equals = given.find('=');
  if (equals == 0 || equals >= given.size() - 1) {
    throw Error(Fault::usage, "--extra '" + given + "' is not NAME=FILE.npy");
  }
  const std::string file = given.substr(equals + 1);
  const at::Tensor rows = NpyFile(file, true).read().to(device);
  if (rows.dim() == 0) throw Error(Fault::input, file + ": is one number; expected [1,...], or a row a sample");
  return {given.substr(0, equals), rows, rows.narrow(0, 0, 1).clone()};
}

}  // namespace

const Component& find_component(const Catalogue& catalogue, const std::string& id, const std::string& advice) {
  if (const Component* component = catalogue.find(id)) return *component;
  std::vector<std::string> ids;
  for (const auto& component : catalogue.components()) ids.push_back(component.descriptor.id);
  throw Error(Fault::usage, "no component is called '" + id + "'" + did_you_mean(id, ids) + "; " + advice);
}

Session prepare_session(const ModelFlags& flags) {
  parse_device(flags.device);
  use_threads(flags.threads);
  Session session{load_catalogue(flags.plugin_dirs), read_sidecar(flags.model), {}, nullptr};
  session.labels = Labels(flags.labels.empty() ? session.sidecar.labels : read_labels(flags.labels));
  return session;
}

void load_model(Session& session, const ModelFlags& flags) {
  ModelOptions options;
  options.device = parse_device(flags.device);
  options.output = session.sidecar.output;
  options.layer = flags.layer.empty() ? session.sidecar.layer : flags.layer;
  options.layout = flags.layout.empty() ? session.sidecar.layout : flags.layout;
  options.multi_label = session.sidecar.multi_label;
  for (const std::string& extra : flags.extra) session.extra.push_back(read_extra(extra, options.device));
  for (const ExtraInput& extra : session.extra) options.extra.emplace_back(extra.name, extra.row);
  session.model = open_model(flags.model, options);
  print_remarks(*session.model);
}

void print_remarks(const ImageModel& model) {
  for (const std::string& remark : model.remarks()) std::cerr << "attune: note: " + remark + "\n";
}

ModelNames names_of(const Session& session) {
  ModelNames names;
  for (const LayerInfo& layer : session.model->layers()) names.layers.push_back(layer.name);
  names.labels = session.labels.names();
  return names;
}

std::filesystem::path data_folder() {
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  return program.parent_path() / ".." / "share" / "attune";
}

std::filesystem::path shipped_spec(const std::string& given) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path folder = data_folder() / "specs";
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().stem() == given || entry.path().filename() == given) return entry.path().lexically_normal();
    names.push_back(entry.path().stem().string());
  }
  throw Error(Fault::spec, "there is no file '" + given + "', and no spec of that name ships with attune" +
                               did_you_mean(given, names));
}

std::filesystem::path spec_file(const std::string& given) {
  std::error_code error;
  const bool is_file = std::filesystem::is_regular_file(given, error) || given.find('/') != std::string::npos;
  return is_file ? std::filesystem::path(given) : shipped_spec(given);
}

ConsistencyLoss make_loss(const Session& session, const std::string& given, const std::vector<std::string>& targets) {
  Spec spec = read_spec(spec_file(given), session.catalogue, names_of(session));
  if (!targets.empty()) spec.targets = targets;
  return ConsistencyLoss(session.model, spec, session.catalogue, session.labels);
}

std::vector<int64_t> trial_shape(const Session& session, const std::vector<int64_t>& given) {
  std::vector<int64_t> shape = given.empty() ? session.model->likely_input() : given;
  const auto& size = session.sidecar.preprocess.size;
  if (given.empty() && size && shape.size() >= 3) {
    shape[shape.size() - 2] = (*size)[0];
    shape[shape.size() - 1] = (*size)[1];
  }
  if (given.empty() && session.sidecar.frames && shape.size() == 4) shape[1] = *session.sidecar.frames;
  shape.insert(shape.begin(), 1);
  return shape;
}

}  // namespace attune::cli
