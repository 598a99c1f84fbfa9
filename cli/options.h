// The flags of every command, as plain data: filled by parser.cpp, read by the commands.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace attune::cli {

// Wherever components are looked up.
struct Shared {
  std::vector<std::string> plugin_dirs;
  bool json = false;
};

// Wherever a model runs.
struct ModelFlags {
  std::string model;
  std::string device = "cpu";
  int threads = 0;  // 0: all cores
  std::string layer;
  std::string layout;
  std::string labels;
  std::vector<std::string> extra;  // NAME=FILE.npy
  std::vector<std::string> plugin_dirs;
};

struct LayersOptions {
  ModelFlags model;
  std::vector<int64_t> input;  // C,S1..Sd; empty: guessed
  bool json = false;
};

struct ConvertOptions {
  std::string model;
  std::string output;
};

// Wherever inputs are read.
struct InputFlags {
  std::vector<std::string> paths;
  std::string preprocess;
  std::vector<int64_t> size;
  bool crop = false;
  std::optional<int64_t> frames;
  int64_t batch = 8;
  std::string boxes;  // folder of annotations
};

struct HeatmapOptions {
  ModelFlags model;
  InputFlags inputs;
  std::vector<std::string> methods;
  std::string spec;  // instead of methods and targets
  std::vector<std::string> targets;
  std::string output = "heatmaps";
  std::string colormap;
  double alpha = 0.6;
  std::string opacity = "heat";  // or "uniform"
  bool signed_maps = false;
  std::optional<int64_t> strip;  // frames, slices or channels in a picture; "all" is the greatest number
  bool plain = false;
  bool heat_only = false;
  bool raw = false;
  std::string raw_size = "layer";  // or "input"
  bool json = false;
};

struct LossOptions {
  ModelFlags model;
  std::string spec;
  std::vector<std::string> targets;  // instead of the spec's
  InputFlags inputs;
  bool gradient = false;
  bool explain = false;
  bool json = false;
};

struct ValidateOptions {
  std::string spec;
  ModelFlags model;  // .model may be empty
  bool json = false;
};

struct SchemaOptions {
  std::string of = "spec";
  std::vector<std::string> plugin_dirs;
};

struct PluginsOptions : Shared {
  std::string kind;
};

struct DescribeOptions : Shared {
  std::string id;
  bool markdown = false;  // a page of the reference
};

using DoctorOptions = Shared;

struct CheckOptions : Shared {
  std::string target;             // a plugin's file, or a component's id
  std::vector<std::string> only;  // ids of checks; none: all
  bool list = false;
  uint64_t seed = 1;
  int timeout = 300;           // seconds for one check
  std::string model;           // that methods are run on; empty: small ones of attune's own
  std::vector<int64_t> input;  // of that model, C,S1..Sd; empty: guessed
  // How the program calls itself for one check.
  std::string child;
  std::string component;
};

struct BenchOptions {
  ModelFlags model;
  int64_t batch = 8;
  int rounds = 7;
  std::vector<std::string> specs;
  std::vector<std::string> targets;  // none: top1
  std::vector<int64_t> input;
  bool json = false;
};

// Wherever a training config is read.
struct ConfigFlags : Shared {
  std::string config;
  std::string device;  // empty: the config's
  int threads = 0;     // 0: the config's
};

struct TrainOptions : ConfigFlags {
  bool resume = false;
};

struct EvaluateOptions : ConfigFlags {
  std::string model;    // empty: what the config's run has trained
  std::string against;  // empty: no other model
  std::string split;    // empty: test, or the nearest to it that there is
  int64_t batch = 8;
  int64_t least = 1;
  std::string output;  // empty: none
  std::string csv;     // empty: none
};

struct DemoOptions {
  std::string output = "attune-demo";
  std::string device = "cpu";
  int threads = 0;
  uint64_t seed = 1;
  bool quick = false;  // a few steps only, for tests
  std::vector<std::string> plugin_dirs;
};

struct NewOptions {
  std::string kind;
  std::string name;    // vendor.name
  std::string output;  // empty: attune-<name>
};

// The command that was given and its flags; the others keep their defaults.
struct Options {
  std::string command;
  LayersOptions layers;
  ConvertOptions convert;
  HeatmapOptions heatmap;
  LossOptions loss;
  ValidateOptions validate;
  SchemaOptions schema;
  PluginsOptions plugins;
  DescribeOptions describe;
  DoctorOptions doctor;
  CheckOptions check;
  NewOptions scaffold;
  BenchOptions bench;
  TrainOptions train;
  EvaluateOptions evaluate;
  TrainOptions ablate;
  DemoOptions demo;
};

// By parser.cpp, which is light: nothing that a model needs is loaded for `attune --help`.
// Prints help or what is wrong and returns the exit code when the program is to end here; -1 when a command is to run.
int parse(int argc, char** argv, Options& options);

}  // namespace attune::cli
