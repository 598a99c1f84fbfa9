# Builds the method of docs/examples/plugins as its author would: against an installed attune and nothing else.
# Runs its own tests, then uses it in a loss. The plugin is left in WORK/<name>.
# The variables: steps.cmake.

include(${CMAKE_CURRENT_LIST_DIR}/steps.cmake)
install_and_move()
run("making a model" ${MAKE_MODEL} ${WORK}/model.pt)
set(attune ${prefix}/bin/attune)

foreach(name low_pass)
  # A copy, so that nothing beside it can help.
  file(COPY ${SOURCE}/docs/examples/plugins/${name} DESTINATION ${WORK}/sources)
  build_outside(${name} ${WORK}/sources/${name} ${WORK}/${name})
  run("testing ${name}" ${CMAKE_CTEST_COMMAND} --test-dir ${WORK}/${name} --output-on-failure --no-tests=error)
  expect("${output}" "check.* Passed.*example.* Passed.*values.* Passed")
  run("a loss with ${name}" ${attune} loss model.pt ${name}/example.json ${SOURCE}/docs/images/gradcam.png
      --size 32 --gradient --plugin-dir ${name})
  expect("${output}" "^loss ${number}  .*\ngradient norm [0-9.e-]*[1-9]")
endforeach()

# What it costs.
run("explaining" ${attune} loss model.pt low_pass/example.json --explain --gradient --plugin-dir low_pass)
expect("${output}" "\n[0-9]+ +backward to the input +1 T +input +low +yes\n")
