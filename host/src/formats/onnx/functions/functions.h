// ONNX's operators as source text of TorchScript, by kind; functions.cpp says how they are written.
#pragma once

namespace attune {

extern const char* const onnx_convolutions_source;
extern const char* const onnx_layers_source;
extern const char* const onnx_sequences_source;
extern const char* const onnx_elementwise_source;
extern const char* const onnx_shapes_source;
extern const char* const onnx_resizing_source;

}  // namespace attune
