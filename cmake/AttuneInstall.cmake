# What `cmake --install` puts where. Everything finds its neighbours by relative paths, so that an installation may be
# moved. Included after the last plugin and before the tests, whose plugins are not installed.

include(CMakePackageConfigHelpers)
set(attune_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/attune)
get_property(attune_plugins GLOBAL PROPERTY ATTUNE_PLUGINS)

# The program and its libraries. Only what others link is exported; libattune_media.so and libattune_cli.so are the
# program's own, so that OpenCV is nobody else's dependency.
install(TARGETS attune_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS attune_media attune_cli LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
set_target_properties(attune_sdk PROPERTIES EXPORT_NAME sdk)
install(TARGETS attune attune_sdk EXPORT attuneTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})

# Plugins always lie in lib/, where the program looks: what a distribution calls its folder of libraries (lib64,
# lib/x86_64-linux-gnu) is not known to a program that was moved.
set(attune_plugin_dir lib/attune/plugins)
file(RELATIVE_PATH attune_plugin_to_lib /${attune_plugin_dir} /${CMAKE_INSTALL_LIBDIR})
string(REGEX REPLACE "/$" "" attune_plugin_to_lib ${attune_plugin_to_lib})
set_target_properties(${attune_plugins} PROPERTIES INSTALL_RPATH $ORIGIN/${attune_plugin_to_lib})
install(TARGETS ${attune_plugins} LIBRARY DESTINATION ${attune_plugin_dir})
if(NOT CMAKE_INSTALL_LIBDIR STREQUAL "lib")
  # A program that embeds attune looks beside libattune.so.
  file(RELATIVE_PATH attune_lib_to_plugin /${CMAKE_INSTALL_LIBDIR}/attune /${attune_plugin_dir})
  install(CODE "
    set(beside \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/attune\")
    file(MAKE_DIRECTORY \"\${beside}\")
    file(CREATE_LINK ${attune_lib_to_plugin} \"\${beside}/plugins\" SYMBOLIC)")
endif()

# Specs: installed, and in the build tree where build/bin/attune finds them as an installed program does.
file(GLOB attune_spec_files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/specs/*.json)
set(attune_spec_copies)
foreach(file IN LISTS attune_spec_files)
  get_filename_component(name ${file} NAME)
  set(copy ${PROJECT_BINARY_DIR}/share/attune/specs/${name})
  add_custom_command(
    OUTPUT ${copy}
    COMMAND ${CMAKE_COMMAND} -E copy ${file} ${copy}
    DEPENDS ${file}
    VERBATIM)
  list(APPEND attune_spec_copies ${copy})
endforeach()
add_custom_target(attune_specs DEPENDS ${attune_spec_copies})
add_dependencies(attune_program attune_specs)
install(FILES ${attune_spec_files} DESTINATION share/attune/specs)

# Headers.
install(
  DIRECTORY ${PROJECT_SOURCE_DIR}/sdk/include/attune ${PROJECT_SOURCE_DIR}/host/include/attune
            ${PROJECT_BINARY_DIR}/sdk/include/attune
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING
  PATTERN "*.h")

# find_package(attune).
attune_torch_identity(attune_torch_built)
configure_package_config_file(cmake/attuneConfig.cmake.in ${PROJECT_BINARY_DIR}/cmake/attuneConfig.cmake
                              INSTALL_DESTINATION ${attune_package_dir})
# Below 1.0 every minor version may change the interface.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/cmake/attuneConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/cmake/attuneConfig.cmake ${PROJECT_BINARY_DIR}/cmake/attuneConfigVersion.cmake
              ${PROJECT_SOURCE_DIR}/cmake/AttuneTorch.cmake ${PROJECT_SOURCE_DIR}/sdk/cmake/AttuneAddPlugin.cmake
              ${PROJECT_SOURCE_DIR}/sdk/cmake/attune_plugin.map
        DESTINATION ${attune_package_dir})
install(EXPORT attuneTargets NAMESPACE attune:: DESTINATION ${attune_package_dir})
