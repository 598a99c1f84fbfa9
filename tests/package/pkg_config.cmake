# Builds a plugin and a program with an installed attune that only pkg-config describes.
# The variables: steps.cmake; also COMPILER and FLAGS, as attune was built, and PKG_CONFIG, the program.

include(${CMAKE_CURRENT_LIST_DIR}/steps.cmake)
install_and_move()
set(ENV{PKG_CONFIG_PATH} ${prefix}/${LIBDIR}/pkgconfig)
separate_arguments(FLAGS UNIX_COMMAND "${FLAGS}")

# flags(RESULT ARGUMENT...): what pkg-config prints, as a list.
function(flags result)
  run("pkg-config ${ARGN}" ${PKG_CONFIG} ${ARGN})
  separate_arguments(printed UNIX_COMMAND "${output}")
  set(${result} ${printed} PARENT_SCOPE)
endfunction()

flags(version --modversion attune)
run("attune --version" ${prefix}/bin/attune --version)
expect("${output}" "^attune ${version}\n$")

flags(compile --cflags attune-sdk)
flags(plugin --variable=plugin_flags attune-sdk)
flags(link --libs attune-sdk)
flags(draw --cflags --libs attune-media)
expect("${draw}" "-lattune_media;.*-lattune")
file(MAKE_DIRECTORY ${WORK}/plugin)
run("building a plugin" ${COMPILER} ${FLAGS} ${compile} ${plugin} ${SOURCE}/tests/package/plugin/overlap.cpp ${link} -o
    ${WORK}/plugin/attune-outside.overlap.so)
run("attune plugins --plugin-dir" ${prefix}/bin/attune plugins --plugin-dir plugin)
expect("${output}" "  outside.overlap +Overlap  [(]outside.overlap 1.0[)]")
