// What a node of an ONNX file says of the modules that it stands in.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "formats/graph_source.h"
#include "formats/onnx/message.h"

namespace attune {

// torch.onnx.export(dynamo=True) writes paths and classes of modules into metadata.
bool has_metadata(const OnnxNode& node);
std::vector<LayerFrame> frames_of_metadata(const OnnxNode& node);

// "/layer4/layer4.1/conv2/Conv" stands in layer4, layer4.1 and layer4.1.conv2, "model/block5/conv/Conv2D" in
// model, model.block5...
std::vector<LayerFrame> frames_of_name(const OnnxNode& node);

// Of files without scopes: a layer that is named after a parameter, the operator itself, or what it makes
// ("conv2d_3.tmp_0", as Paddle has it).
std::vector<LayerFrame> frames_of_operator(const OnnxNode& node, size_t index, const std::set<std::string>& parameters);

bool looks_like_path(const std::string& name);

}  // namespace attune
