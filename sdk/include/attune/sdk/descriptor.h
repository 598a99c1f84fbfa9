// What a component says of itself before any object of it exists.
#pragma once

#include <string>
#include <vector>

#include <attune/sdk/export.h>
#include <attune/sdk/parameters.h>

namespace attune {

enum class ComponentKind { method, matcher, correlation };

// "method", "matcher" or "correlation".
ATTUNE_SDK_API std::string to_string(ComponentKind kind);

struct ATTUNE_SDK_API Descriptor {
  // Lower-case letters, digits and underscores. Ids without a dot are attune's own; others use "vendor.name".
  std::string id;
  std::string title;     // "Grad-CAM"
  std::string summary;   // one sentence: what the map or number means
  std::string citation;  // paper and equation
  std::vector<ParameterDeclaration> parameters;
  // Of methods: what else is like it, as `--method all-cam` asks for: words of lower-case letters, digits and
  // underscores. attune's own are "cam", "gradient", "perturbation", "attention" and "control"; a method without any is
  // asked for by its id alone.
  std::vector<std::string> groups;

  // Of methods: what tables that compare them say (docs/methods.md).
  std::string formula;   // one line: "sum_c mean(g_c) A_c"
  std::string misleads;  // one sentence without a full stop: what the map is most easily taken for, and is not
  // What of the model the map is made of: "features", "gradients" and "attention" of layers, "biases", "input
  // gradients", "answers" to changed inputs, "rules" by which gradients pass. A method that wraps another one reads
  // what that does.
  std::vector<std::string> reads;
  // The kinds of vision model that have a map; signals and clips are a matter of `ranks`.
  std::vector<std::string> models = {"CNN", "ViT", "Swin"};

  // Capabilities.
  bool differentiable = true;          // a graph reaches parameters and inputs
  bool deterministic = true;           // no draw from the pass's generator
  std::vector<int> ranks = {1, 2, 3};  // spatial dimensions d that are supported

  // Of methods: passes for one map, for the plan of passes (see also Needs).
  double forward_passes = 1;
  double backward_passes = 0;
  bool curvature = false;  // the map itself takes second derivatives of the model
  bool at_input_resolution = false;
  // The method parameter whose maps decide `at_input_resolution`, of a method that wraps another one; "": none does.
  std::string resolution_of;

  // Of correlations.
  bool symmetric = false;         // h(a, b) = h(b, a)
  bool affine_invariant = false;  // h(s a + t, b) = h(a, b) for s > 0
  double minimum = 0;             // range of h
  double maximum = 0;

  ComponentKind kind = ComponentKind::method;  // set by the registry, from the factory's type
};

}  // namespace attune
