# attune_add_plugin(NAME SOURCES file... [LINKS target...] [TEST file])
#
# A plugin: the module library attune-NAME.so, which exports `attune_plugin_entry` and nothing else. It lies in
# ATTUNE_PLUGIN_OUTPUT_DIRECTORY when that is set. The target is attune_plugin_NAME; the global property
# ATTUNE_PLUGINS lists all such targets.
#
# Works in attune's own tree and with an installed SDK alike. With TEST there are three tests: `check` runs `attune check`;
# `example` reads the spec in the comment at the head of the first source, behind ```json, which is written to
# example.json in the build folder; `values` runs that file, a program that embeds attune and is given the plugin's path.

function(attune_add_plugin name)
  cmake_parse_arguments(arg "" "TEST" "SOURCES;LINKS" ${ARGN})
  if(arg_UNPARSED_ARGUMENTS OR NOT arg_SOURCES)
    message(FATAL_ERROR "attune_add_plugin(${name} SOURCES file... [LINKS target...] [TEST file]): got ${ARGN}")
  endif()
  if(NOT name MATCHES "^[a-z0-9_]+([.][a-z0-9_]+)?$")
    message(FATAL_ERROR "attune_add_plugin: \"${name}\" is no plugin name; use lower-case letters, digits and "
                        "underscores, with at most one dot (vendor.name)")
  endif()

  set(target attune_plugin_${name})
  set(exports ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/attune_plugin.map)
  add_library(${target} MODULE ${arg_SOURCES})
  target_link_libraries(${target} PRIVATE attune::sdk ${arg_LINKS})
  # Hidden visibility and the version script keep equal names of two plugins apart; nodelete, because autograd graphs
  # point into a plugin for as long as they live; defs, because a missing symbol is better found here than at a call.
  set_target_properties(
    ${target}
    PROPERTIES PREFIX ""
               SUFFIX ".so"
               OUTPUT_NAME attune-${name}
               CXX_VISIBILITY_PRESET hidden
               VISIBILITY_INLINES_HIDDEN ON
               LINK_DEPENDS ${exports})
  target_link_options(${target} PRIVATE LINKER:--version-script=${exports} LINKER:-z,nodelete LINKER:-z,defs)
  # --as-needed would drop LibTorch from a plugin that calls inline functions only.
  target_link_options(${target} PRIVATE
                      LINKER:--push-state,--no-as-needed,$<TARGET_LINKER_FILE:torch_cpu>,--pop-state)
  if(TARGET attune_warnings)
    target_link_libraries(${target} PRIVATE attune_warnings)
    attune_quick(${target})
  endif()
  if(ATTUNE_PLUGIN_OUTPUT_DIRECTORY)
    set_target_properties(${target} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${ATTUNE_PLUGIN_OUTPUT_DIRECTORY})
  endif()
  set_property(GLOBAL APPEND PROPERTY ATTUNE_PLUGINS ${target})
  if(arg_TEST)
    list(GET arg_SOURCES 0 source)
    attune_test_plugin(${target} ${source} ${arg_TEST})
  endif()
endfunction()

function(attune_test_plugin target source test)
  if(TARGET attune::program)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source})
    file(READ ${source} text)
    string(REGEX MATCH "// ```json\n(.*)// ```" found "${text}")
    string(REGEX REPLACE "// ([^\n]*\n)" "\\1" example "${CMAKE_MATCH_1}")
    file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/example.json "${example}")
    add_test(NAME check COMMAND attune::program check $<TARGET_FILE:${target}>)
    add_test(NAME example COMMAND attune::program validate ${CMAKE_CURRENT_BINARY_DIR}/example.json
                                  --plugin-dir $<TARGET_FILE_DIR:${target}>)
  endif()
  find_package(attune ${attune-sdk_VERSION} QUIET)
  if(attune_FOUND)
    add_executable(${target}_test ${test})
    target_link_libraries(${target}_test PRIVATE attune::attune)
    add_test(NAME values COMMAND ${target}_test $<TARGET_FILE:${target}>)
  endif()
endfunction()
