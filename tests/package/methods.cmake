# Builds the two methods of docs/examples/plugins as their authors would: against an installed attune and nothing else.
# Runs their own tests, then uses them in a loss. The plugins are left in WORK/<name>.
# The variables: steps.cmake.

include(${CMAKE_CURRENT_LIST_DIR}/steps.cmake)
install_and_move()
run("making a model" ${MAKE_MODEL} ${WORK}/model.pt)
set(attune ${prefix}/bin/attune)

foreach(name rise integrated_gradients)
  # A copy, so that nothing beside it can help.
  file(COPY ${SOURCE}/docs/examples/plugins/${name} DESTINATION ${WORK}/sources)
  build_outside(${name} ${WORK}/sources/${name} ${WORK}/${name})
  run("testing ${name}" ${CMAKE_CTEST_COMMAND} --test-dir ${WORK}/${name} --output-on-failure --no-tests=error)
  expect("${output}" "check.* Passed.*example.* Passed.*values.* Passed")
  run("a loss with ${name}" ${attune} loss model.pt ${name}/example.json ${SOURCE}/docs/images/gradcam.png
      --size 32 --gradient --plugin-dir ${name})
  expect("${output}" "^loss ${number}  .*\ngradient norm [0-9.e-]*[1-9]")
endforeach()

# What they cost: a parameter decides, and a recorded pass is counted with its memory.
run("explaining" ${attune} loss model.pt integrated_gradients/example.json --explain --gradient --plugin-dir
    integrated_gradients)
expect("${output}" "\n[0-9]+ +forward +8 +input +ig +yes\n")
expect("${output}" "\n[0-9]+ +backward to the input +8 T +input +ig +yes\n")
expect("${output}" "recorded whole passes")
run("explaining" ${attune} loss model.pt rise/example.json --explain --plugin-dir rise)
expect("${output}" "\n[0-9]+ +forward +500 +input +rise +no\n")
