# Installs attune, moves the installation, and uses it as a program and a plugin from outside of the tree do.
# The variables: steps.cmake.

include(${CMAKE_CURRENT_LIST_DIR}/steps.cmake)
install_and_move()

# Nothing of the build machine's folders and none of our own warnings in what others include.
file(GLOB packages ${prefix}/${LIBDIR}/cmake/*/*.cmake ${prefix}/${LIBDIR}/pkgconfig/*.pc)
foreach(file IN LISTS packages)
  file(READ ${file} text)
  foreach(stranger ${SOURCE} ${BUILD} ${WORK}/first -Werror opencv OpenCV)
    string(FIND "${text}" "${stranger}" position)
    if(NOT position EQUAL -1)
      message(FATAL_ERROR "${file} names ${stranger}")
    endif()
  endforeach()
endforeach()

# The program.
run("attune plugins" ${prefix}/bin/attune plugins)
foreach(id gradcam guided_backprop mask pearson)
  expect("${output}" "  ${id} ")
endforeach()
file(GLOB specs ${prefix}/share/attune/specs/*.json)
file(GLOB sources ${SOURCE}/docs/specs/*.json)
list(LENGTH specs found)
list(LENGTH sources expected)
if(NOT found EQUAL expected)
  message(FATAL_ERROR "${found} of ${expected} specs are installed")
endif()
run("attune validate" ${prefix}/bin/attune validate ${prefix}/share/attune/specs/atcon.json)

# The documents refer to nothing that is not there.
file(GLOB_RECURSE documents ${prefix}/share/doc/*.md)
foreach(document IN LISTS documents)
  get_filename_component(folder ${document} DIRECTORY)
  file(READ ${document} text)
  string(REGEX REPLACE "[][;]" "|" text "${text}") # brackets and semicolons would confuse lists
  string(REGEX MATCHALL "[|][(][^()# \n]+" links "${text}")
  foreach(link IN LISTS links)
    string(SUBSTRING "${link}" 2 -1 link)
    # A path has a dot or a slash; the arguments of a lambda in an excerpt have none.
    if(link MATCHES "[./]" AND NOT link MATCHES "^[a-z]+:" AND NOT EXISTS ${folder}/${link})
      message(FATAL_ERROR "${document} links to ${link}, which is not installed")
    endif()
  endforeach()
endforeach()

# The example of the guide.
run("making a model" ${MAKE_MODEL} ${WORK}/model.pt)
build_outside("the example" ${SOURCE}/docs/examples ${WORK}/examples)
run("the example" ${WORK}/examples/train_with_consistency model.pt ${prefix}/share/attune/specs/atcon_fast.json 2)
set(step "loss ${number}\n  agreement: ${number} ${number} ${number} ${number}\n")
expect("${output}" "^step 0: ${step}step 1: ${step}$")

# The example that draws, and what it draws.
set(picture ${WORK}/drawn.png)
run("the example that draws" ${WORK}/examples/draw_a_map model.pt ${SOURCE}/docs/images/gradcam.png ${picture})
file(READ ${picture} head LIMIT 8 HEX)
expect("${head}" "^89504e470d0a1a0a$")
file(SIZE ${picture} bytes)
if(bytes LESS 10000)
  message(FATAL_ERROR "${picture} has ${bytes} bytes, too few for a photo with a map")
endif()

# A plugin.
build_outside("a plugin" ${SOURCE}/tests/package/plugin ${WORK}/plugin)
run("attune plugins --plugin-dir" ${prefix}/bin/attune plugins --plugin-dir plugin)
expect("${output}" "  outside.overlap +Overlap  [(]outside.overlap 1.0[)]")

# Another LibTorch is refused before anything is compiled with it.
file(WRITE ${WORK}/other_torch/TorchConfig.cmake "set(TORCH_LIBRARIES)\n")
file(WRITE ${WORK}/other_torch/TorchConfigVersion.cmake "set(PACKAGE_VERSION 0.4.1+cpu)\n")
execute_process(
  COMMAND ${configure} -DTorch_DIR=${WORK}/other_torch -S ${SOURCE}/docs/examples -B ${WORK}/refused
  OUTPUT_QUIET
  ERROR_VARIABLE errors
  RESULT_VARIABLE code)
if(code EQUAL 0)
  message(FATAL_ERROR "find_package(attune) took another LibTorch")
endif()
string(REGEX REPLACE "[ \n]+" " " errors "${errors}")
expect("${errors}" "This attune was built with LibTorch [0-9.]+.*, but LibTorch 0[.]4[.]1 was found in")
