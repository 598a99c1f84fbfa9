// Consistency specs as their users write them, in parts.
#pragma once

#include <string>

namespace attune::test {

// Terms of the maps below. Small models have small gradients: their variance would saturate the mask.
inline const std::string masked = R"({"name": "agreement", "maps": ["cam", "gb"], "match": )"
                                  R"({"use": "mask", "source": "gb", "scale": "std"}, "compare": "pearson"})";
inline const std::string upsampled =
    R"({"maps": ["cam", "gb"], "match": "upsample", "compare": "cross_correlation", "weight": -0.5})";

// `head` is put before the maps, as in "\"target\": 2, ".
inline std::string spec_text(const std::string& terms = masked, const std::string& head = "",
                             const std::string& cam = "\"gradcam\"") {
  return "{\n  \"version\": 1, " + head + "\n  \"maps\": {\n    \"cam\": " + cam +
         ",\n    \"gb\": {\"use\": \"guided_backprop\", \"channels\": \"abs_sum\"}\n  },\n  \"terms\": [" + terms +
         "]\n}\n";
}

}  // namespace attune::test
