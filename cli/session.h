// A model opened with the flags and the sidecar that belong to it.
#pragma once

#include <ATen/core/Tensor.h>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <attune/catalogue.h>
#include <attune/consistency_loss.h>
#include <attune/maps.h>
#include <attune/model.h>

#include "config/sidecar.h"
#include "options.h"

namespace attune::cli {

// One of the inputs of a model that takes several, which stands beside what is explained.
struct ExtraInput {
  std::string name;
  at::Tensor rows;  // of the file: one for all samples, or one for each
  at::Tensor row;   // [1,...], which the model reads
};

struct Session {
  Catalogue catalogue;
  Sidecar sidecar;
  Labels labels;
  std::shared_ptr<ImageModel> model;
  std::vector<ExtraInput> extra = {};
};

// Everything that can be checked without the model is checked before it is loaded.
Session prepare_session(const ModelFlags& flags);
void load_model(Session& session, const ModelFlags& flags);
// What should be known of the model, on standard error.
void print_remarks(const ImageModel& model);

// Throws Error(Fault::usage) for a device that is unknown or not there.
c10::Device parse_device(const std::string& text);

// What specs are checked against. The model must be loaded.
ModelNames names_of(const Session& session);
// share/attune beside the program: specs and templates.
std::filesystem::path data_folder();
// The file of a spec that ships with attune, by its name ("atcon"). Throws Error(Fault::spec) with the nearest name.
std::filesystem::path shipped_spec(const std::string& given);
// A file, or as shipped_spec.
std::filesystem::path spec_file(const std::string& given);
// `targets` take the place of the spec's, where there are any.
ConsistencyLoss make_loss(const Session& session, const std::string& spec,
                          const std::vector<std::string>& targets = {});

// Threads of one operation; 0: all cores, or what OMP_NUM_THREADS says.
void use_threads(int count);

Catalogue load_catalogue(const std::vector<std::string>& plugin_dirs);
// Throws Error(Fault::usage) with the nearest id and the `advice`.
const Component& find_component(const Catalogue& catalogue, const std::string& id, const std::string& advice);

// An input [1,C,S1..Sd] of zeros or noise to try a model with: of the given shape, or the sidecar's, or a guess.
std::vector<int64_t> trial_shape(const Session& session, const std::vector<int64_t>& given);

}  // namespace attune::cli
