#!/usr/bin/env bash
# Wheels of the package for several versions of PyTorch, each tried in a fresh environment without a compiler:
#   wheels.sh [VERSION...]      the one that pip takes by itself, unless named
# They are put into dist/torch-VERSION, as one file name serves them all.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
versions=("$@")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/build"
"$work/build/bin/pip" install --quiet build "scikit-build-core>=0.11"
((${#versions[@]} > 0)) || versions=("")

for version in "${versions[@]}"; do
  "$work/build/bin/pip" install --quiet "torch${version:+==$version}"
  version=$("$work/build/bin/python" python/packaging/installed_torch.py --version)
  echo "== PyTorch $version"
  "$work/build/bin/python" -m build --no-isolation --outdir "dist/torch-$version" -Cbuild-dir="build-python/torch-$version"
  rm -rf "$work/fresh"
  python3 -m venv "$work/fresh"
  "$work/fresh/bin/pip" install --quiet "dist/torch-$version"/attune-*.whl
  (
    cd "$work" # not where the sources are
    CC=/none CXX=/none PATH="$work/fresh/bin:/usr/bin:/bin" "$work/fresh/bin/python" - <<'PYTHON'
import torch

import attune

net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(144, 3))
x = torch.rand(2, 3, 8, 8)
assert attune.maps(net, x, "saliency")["saliency"].shape == x.shape
print(f"attune {attune.__version__} with PyTorch {torch.__version__}: {len(attune.methods())} methods")
PYTHON
    "$work/fresh/bin/attune" doctor
  )
done
