# Installs attune, moves the installation, and uses it as a program and a plugin from outside of the tree do.
#
# BUILD, SOURCE: attune's folders; WORK: where everything happens, emptied first; OUTSIDE: initial cache of projects
# outside; GENERATOR; LIBDIR: CMAKE_INSTALL_LIBDIR of the build; MAKE_MODEL: a program that writes a small model.

cmake_policy(VERSION 3.25)

# The installation has to stand on its own: none of these may help it.
foreach(variable LD_LIBRARY_PATH ATTUNE_PLUGIN_PATH CMAKE_PREFIX_PATH DESTDIR)
  unset(ENV{${variable}})
endforeach()

# run(WHAT COMMAND...): the command's output is in `output`; stops the test unless the command succeeds.
function(run what)
  execute_process(
    COMMAND ${ARGN}
    WORKING_DIRECTORY ${WORK}
    OUTPUT_VARIABLE printed
    ERROR_VARIABLE errors
    RESULT_VARIABLE code)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "${what} failed (${code}):\n${printed}${errors}")
  endif()
  message(STATUS "${what}: done")
  set(output "${printed}" PARENT_SCOPE)
endfunction()

# expect(TEXT REGEX): what a command printed has to match.
function(expect text regex)
  if(NOT text MATCHES "${regex}")
    message(FATAL_ERROR "expected a match of ${regex} in:\n${text}")
  endif()
endfunction()

# Neither OpenCV nor what only attune's own sources use may be asked for.
set(configure
    ${CMAKE_COMMAND} -G ${GENERATOR} -C ${OUTSIDE} -DCMAKE_PREFIX_PATH=${WORK}/moved
    -DCMAKE_DISABLE_FIND_PACKAGE_OpenCV=ON -DCMAKE_DISABLE_FIND_PACKAGE_Boost=ON
    -DCMAKE_DISABLE_FIND_PACKAGE_CLI11=ON -DCMAKE_DISABLE_FIND_PACKAGE_nlohmann_json=ON)

# build_outside(WHAT SOURCE FOLDER)
function(build_outside what source folder)
  run("configuring ${what}" ${configure} -S ${source} -B ${folder})
  run("building ${what}" ${CMAKE_COMMAND} --build ${folder})
endfunction()

file(REMOVE_RECURSE ${WORK})
file(MAKE_DIRECTORY ${WORK})
run("installing" ${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/first)
file(RENAME ${WORK}/first ${WORK}/moved)
set(prefix ${WORK}/moved)

# Nothing of the build machine's folders and none of our own warnings in what others include.
file(GLOB package ${prefix}/${LIBDIR}/cmake/attune/*.cmake)
foreach(file IN LISTS package)
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

# The example of the guide.
run("making a model" ${MAKE_MODEL} ${WORK}/model.pt)
build_outside("the example" ${SOURCE}/docs/examples ${WORK}/examples)
run("the example" ${WORK}/examples/train_with_consistency model.pt ${prefix}/share/attune/specs/atcon_fast.json 2)
set(number "-?[0-9][-+.e0-9]*") # neither "nan" nor "inf"
set(step "loss ${number}\n  agreement: ${number} ${number} ${number} ${number}\n")
expect("${output}" "^step 0: ${step}step 1: ${step}$")

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
