// What torch.ops.load_library() adds to Python: torch.classes.attune and torch.ops.attune. No Python is compiled
// against, so that one library serves every version of it.

#include <array>
#include <chrono>
#include <dlfcn.h>
#include <thread>
#include <torch/library.h>

#include <attune/interruption.h>

#include "config/description.h"
#include "objects.h"

namespace attune::python {

NamedTensorList named(const std::vector<std::string>& names, const std::vector<at::Tensor>& tensors) {
  NamedTensorList list;
  for (size_t i = 0; i < names.size(); ++i) list.emplace_back(names[i], tensors.at(i));
  return list;
}

TensorTable table(const NamedTensorList& tensors) {
  TensorTable lists;
  for (const auto& [name, tensor] : tensors) {
    std::get<0>(lists).push_back(name);
    std::get<1>(lists).push_back(tensor);
  }
  return lists;
}

namespace {

// The package's own plugins are in a folder that it knows: those beside the program that runs are another attune's,
// as that program is Python.
CatalogueHandle load_catalogue(const std::string& own_folder, const std::vector<std::string>& files) {
  return told([&] {
    SearchPath folders;
    for (SearchFolder& folder : search_folders()) {
      if (folder.origin != "default") folders.push_back(std::move(folder));
    }
    folders.push_back({own_folder, "the package", IfMissing::fail});
    return c10::make_intrusive<CatalogueObject>(Catalogue::load_files({files.begin(), files.end()}, folders));
  });
}

std::vector<std::string> ids_of(const CatalogueHandle& self, const std::string& kind) {
  std::vector<std::string> ids;
  for (const Component& component : self->catalogue.components()) {
    if (to_string(component.descriptor.kind) == kind) ids.push_back(component.descriptor.id);
  }
  return ids;
}

std::string description_of(const CatalogueHandle& self, const std::string& id) {
  return told([&] {
    if (const Component* component = self->catalogue.find(id)) return component_json(*component).dump();
    std::vector<std::string> ids;
    for (const Component& component : self->catalogue.components()) ids.push_back(component.descriptor.id);
    throw Error(Fault::usage,
                "no component is called '" + id + "'" + did_you_mean(id, ids) + "; attune.methods() lists the methods");
  });
}

std::vector<std::string> refusals_of(const CatalogueHandle& self) {
  std::vector<std::string> sentences = self->catalogue.notes();
  for (const Refusal& refusal : self->catalogue.refusals()) {
    sentences.push_back(refusal.path.string() + " was refused: " + refusal.reason);
  }
  return sentences;
}

// Functions of Python's stable interface, which the process has. Handlers of signals run on its main thread, when that
// asks, and may raise: KeyboardInterrupt is one of their exceptions.
struct Interpreter {
  int (*ensure)();
  void (*release)(int);
  int (*check_signals)();
  void (*fetch)(void** type, void** value, void** traceback);
};

constexpr auto between_questions = std::chrono::milliseconds(50);
Interpreter interpreter{};
std::thread::id main_thread;
// Of the main thread: when it last asked, and what a handler has raised.
std::chrono::steady_clock::time_point last_question;
std::array<void*, 3> raised{};

void end_if_interrupted() {
  if (std::this_thread::get_id() != main_thread) return;
  const auto now = std::chrono::steady_clock::now();
  if (now - last_question < between_questions) return;
  last_question = now;
  const int state = interpreter.ensure();
  const bool is_raised = interpreter.check_signals() != 0;
  if (is_raised) interpreter.fetch(&raised[0], &raised[1], &raised[2]);
  interpreter.release(state);
  if (is_raised) throw Error(Fault::run, interrupted);
}

template <class Function>
void look_up(Function*& function, const char* name) {
  function = reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name));
}

// From the main thread: its signals end what takes long. Whether that can be.
bool watch_signals() {
  look_up(interpreter.ensure, "PyGILState_Ensure");
  look_up(interpreter.release, "PyGILState_Release");
  look_up(interpreter.check_signals, "PyErr_CheckSignals");
  look_up(interpreter.fetch, "PyErr_Fetch");
  if (!interpreter.ensure || !interpreter.release || !interpreter.check_signals || !interpreter.fetch) return false;
  main_thread = std::this_thread::get_id();
  set_before_each_pass(end_if_interrupted);
  return true;
}

// Type, value and traceback for PyErr_Restore, once.
std::vector<int64_t> take_raised() {
  std::vector<int64_t> addresses;
  for (void*& part : raised) addresses.push_back(reinterpret_cast<int64_t>(std::exchange(part, nullptr)));
  return addresses;
}

}  // namespace

TORCH_LIBRARY(attune, library) {
  library.class_<CatalogueObject>("Catalogue")
      .def("ids", &ids_of)
      .def("describe", &description_of)
      .def("refusals", &refusals_of);
  library.def("load_catalogue", &load_catalogue);
  library.def("watch_signals", &watch_signals);
  library.def("take_raised", &take_raised);
  register_model(library);
  register_loss(library);
}

}  // namespace attune::python
