# What other projects find an installed attune with: the CMake packages `attune-sdk` (plugins) and `attune` (programs), and
# the same for pkg-config. Included by AttuneInstall.cmake.

include(CMakePackageConfigHelpers)
attune_torch_identity(attune_torch_built)

# attune_export(NAME FILE...): NAMEConfig.cmake from cmake/NAMEConfig.cmake.in, its version file and exported targets, and
# FILE... beside them; in the build tree they lie where an installation has them.
function(attune_export name)
  set(folder ${CMAKE_INSTALL_LIBDIR}/cmake/${name})
  set(built ${PROJECT_BINARY_DIR}/${folder})
  configure_package_config_file(
    cmake/${name}Config.cmake.in ${built}/${name}Config.cmake
    INSTALL_DESTINATION ${folder}
    PATH_VARS CMAKE_INSTALL_BINDIR)
  # Below 1.0 every minor version may change the interface.
  write_basic_package_version_file(${built}/${name}ConfigVersion.cmake COMPATIBILITY SameMinorVersion)
  file(COPY ${ARGN} DESTINATION ${built})
  install(FILES ${built}/${name}Config.cmake ${built}/${name}ConfigVersion.cmake ${ARGN} DESTINATION ${folder}
          COMPONENT sdk)
  install(EXPORT ${name}Targets NAMESPACE attune:: DESTINATION ${folder} COMPONENT sdk)
endfunction()

attune_export(attune-sdk ${PROJECT_SOURCE_DIR}/cmake/AttuneTorch.cmake
              ${PROJECT_SOURCE_DIR}/sdk/cmake/AttuneAddPlugin.cmake ${PROJECT_SOURCE_DIR}/sdk/cmake/attune_plugin.map)
attune_export(attune)
# Plugins can be built with an attune that is not installed too.
export(
  EXPORT attune-sdkTargets
  NAMESPACE attune::
  FILE ${PROJECT_BINARY_DIR}/${CMAKE_INSTALL_LIBDIR}/cmake/attune-sdk/attune-sdkTargets.cmake)

# pkg-config. LibTorch has no file of its own there.
file(RELATIVE_PATH attune_pc_to_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" attune_pc_to_prefix ${attune_pc_to_prefix})
get_filename_component(attune_torch_libdir ${attune_torch_library} DIRECTORY)
list(TRANSFORM TORCH_INCLUDE_DIRS PREPEND -I OUTPUT_VARIABLE attune_torch_includes)
list(JOIN attune_torch_includes " " attune_torch_includes)
foreach(name attune-sdk attune)
  configure_file(cmake/${name}.pc.in ${PROJECT_BINARY_DIR}/cmake/${name}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/cmake/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT sdk)
endforeach()
