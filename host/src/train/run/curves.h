// What a run's log looks like.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "config/run_documents.h"

namespace attune {

// Losses and the learning rate of every epoch as curves_loss.png and .svg, metrics of the validation part as
// curves_metrics.png and .svg: stage after stage, with the epochs whose models were chosen.
void draw_curves(const std::filesystem::path& folder, const std::vector<LogRow>& epochs, const std::string& select);

}  // namespace attune
