# From a fresh installation to a loss of three new plugins: installs attune, moves the installation, has `attune new` write
# a repository of each kind, builds and tests them as they are, and uses them in one spec.
# The variables: steps.cmake.

include(${CMAKE_CURRENT_LIST_DIR}/steps.cmake)
install_and_move()
set(attune ${prefix}/bin/attune)

set(folders)
foreach(kind method matcher correlation)
  set(repository ${WORK}/attune-new_${kind})
  run("attune new ${kind}" ${attune} new ${kind} acme.new_${kind})
  build_outside("the new ${kind}" ${repository} ${repository}/build)
  run("testing the new ${kind}" ${CMAKE_CTEST_COMMAND} --test-dir ${repository}/build --output-on-failure
      --no-tests=error)
  expect("${output}" "100% tests passed(, 0 tests failed)? out of 3")
  string(APPEND folders ":${repository}/build")
endforeach()

# All three in one spec, and all the way to a gradient of every parameter.
file(
  WRITE ${WORK}/spec.json
  [[{
  "version": 1,
  "maps": {"new": {"use": "acme.new_method", "positive": true}, "gb": {"use": "guided_backprop", "channels": "abs_sum"}},
  "terms": [
    {"maps": ["new", "gb"], "match": {"use": "acme.new_matcher", "cells": 4},
     "normalise": "minmax", "compare": {"use": "acme.new_correlation", "offset_weight": 0.5}}
  ]
}
]])
set(ENV{ATTUNE_PLUGIN_PATH} ${folders})
run("making a model" ${MAKE_MODEL} ${WORK}/model.pt)
run("attune validate" ${attune} validate spec.json --model model.pt)
run("attune loss" ${attune} loss model.pt spec.json ${SOURCE}/docs/images/gradcam.png --size 32 --gradient)
expect("${output}" "^loss ${number}  ")
expect("${output}" "\ngradient norm [0-9.e-]*[1-9]")

# A repository that is there already stays as it is.
file(SHA256 ${WORK}/attune-new_method/CMakeLists.txt before)
execute_process(
  COMMAND ${attune} new method acme.new_method
  WORKING_DIRECTORY ${WORK}
  ERROR_VARIABLE errors
  RESULT_VARIABLE code)
file(SHA256 ${WORK}/attune-new_method/CMakeLists.txt after)
if(NOT code EQUAL 7 OR NOT before STREQUAL after)
  message(FATAL_ERROR "attune new wrote over a repository (${code}): ${errors}")
endif()

# The build tree serves as well as an installation.
run("configuring with the build tree" ${configure} -DCMAKE_PREFIX_PATH=${BUILD} -S ${WORK}/attune-new_matcher -B
    ${WORK}/uninstalled)
run("building with the build tree" ${CMAKE_COMMAND} --build ${WORK}/uninstalled)
run("attune plugins" ${BUILD}/bin/attune plugins --plugin-dir ${WORK}/uninstalled)
expect("${output}" "  acme.new_matcher ")
