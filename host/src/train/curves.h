// What a run's log looks like.
#pragma once

#include <filesystem>
#include <vector>

#include "spec/run_documents.h"

namespace attune {

// Losses and metrics of every epoch, stage after stage, as curves_loss.png and curves_metrics.png.
void draw_curves(const std::filesystem::path& folder, const std::vector<LogRow>& epochs);

}  // namespace attune
