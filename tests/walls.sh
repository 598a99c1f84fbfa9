#!/bin/sh
# Which sources break a wall: prints each line that does, and fails if there is one.
#   walls.sh torch_jit | sub_rooms | climbs [FOLDER]
# FOLDER is a source tree, this one by default.
set -u
wall=$1
cd "${2:-$(dirname "$0")/..}" || exit 2

# LibTorch's own type of a model belongs to the engine and to the formats. One public header may name it.
torch_jit() {
  grep -rnE 'torch::jit|torch/(script\.h|csrc/jit/)' cli docs/examples host plugins sdk --include='*.h' --include='*.cpp' --include='*.in' |
    grep -vE '^host/src/(model|formats)/|^host/include/attune/torchscript\.h:'
}

# host/src/model: graph < layers < pieces < run, each of which may include those before it.
sub_rooms() {
  grep -rnE '#include "(model/(layers|pieces|run)|formats)/' host/src/model/graph
  grep -rnE '#include "(model/(pieces|run)|formats)/' host/src/model/layers
  grep -rnE '#include "(model/run|formats)/' host/src/model/pieces
  grep -rnE '#include "formats/' host/src/model/run
}

climbs() {
  grep -rnE '#include ["<]\.\./' sdk host plugins cli tests docs --include='*.h' --include='*.cpp'
}

found=$($wall)
[ -z "$found" ] && exit 0
echo "$found"
exit 1
