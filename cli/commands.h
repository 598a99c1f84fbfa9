// The commands, one file each, in libattune_cli.so.
#pragma once

#include "options.h"

namespace attune::cli {

// Each returns an exit code or throws attune::Error.
int layers(const LayersOptions& options);
int convert(const ConvertOptions& options);
int heatmap(const HeatmapOptions& options);
int loss(const LossOptions& options);
int validate(const ValidateOptions& options);
int schema(const SchemaOptions& options);
int plugins(const PluginsOptions& options);
int describe(const DescribeOptions& options);
int doctor(const DoctorOptions& options);
int check(const CheckOptions& options);
int scaffold(const NewOptions& options);  // attune new
int bench(const BenchOptions& options);
int train(const TrainOptions& options);
int evaluate(const EvaluateOptions& options);
int ablate(const TrainOptions& options);
int demo(const DemoOptions& options);

using Run = int(const Options& options);

}  // namespace attune::cli

// Runs the command that `options` names; every failure becomes one line on standard error and an exit code.
extern "C" int attune_cli_run(const attune::cli::Options& options);
