# What the tests of an installation share.
#
# BUILD, SOURCE: attune's folders; WORK: where everything happens, emptied first; OUTSIDE: initial cache of projects
# outside; GENERATOR; LIBDIR: CMAKE_INSTALL_LIBDIR of the build; MAKE_MODEL: a program that writes a small model.

cmake_policy(VERSION 3.25)

# The installation has to stand on its own: none of these may help it.
foreach(variable LD_LIBRARY_PATH ATTUNE_PLUGIN_PATH CMAKE_PREFIX_PATH PKG_CONFIG_PATH DESTDIR)
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

# Installs in WORK/first and moves that to `prefix`, WORK/moved.
macro(install_and_move)
  file(REMOVE_RECURSE ${WORK})
  file(MAKE_DIRECTORY ${WORK})
  run("installing" ${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/first)
  set(prefix ${WORK}/moved)
  file(RENAME ${WORK}/first ${prefix})
endmacro()

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

set(number "-?[0-9][-+.e0-9]*") # neither "nan" nor "inf"
