# What `cmake --install` puts where. Everything finds its neighbours by relative paths, so that an installation may be
# moved. Included after the last plugin and before the tests, whose plugins are not installed.
#
# Two parts: `runtime` is all that the program needs, `sdk` what plugins and other programs are built with.

set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME runtime)
# Plugins that anyone may write to are refused, and a umask can make them that.
set(CMAKE_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
get_property(attune_plugins GLOBAL PROPERTY ATTUNE_PLUGINS)

# attune_install_data(FROM TO COMPONENT): the files below the folder FROM, installed in share/attune/TO and copied in the
# build tree, where build/bin/attune finds them as an installed program does.
function(attune_install_data from to component)
  file(GLOB_RECURSE files RELATIVE ${from} CONFIGURE_DEPENDS ${from}/*)
  set(copies)
  foreach(file IN LISTS files)
    set(copy ${PROJECT_BINARY_DIR}/share/attune/${to}/${file})
    add_custom_command(
      OUTPUT ${copy}
      COMMAND ${CMAKE_COMMAND} -E copy ${from}/${file} ${copy}
      DEPENDS ${from}/${file}
      VERBATIM)
    list(APPEND copies ${copy})
  endforeach()
  file(GLOB_RECURSE gone ${PROJECT_BINARY_DIR}/share/attune/${to}/*)
  list(REMOVE_ITEM gone ${copies})
  foreach(file IN LISTS gone)
    file(REMOVE ${file})
  endforeach()
  add_custom_target(attune_${to} DEPENDS ${copies})
  add_dependencies(attune_program attune_${to})
  install(DIRECTORY ${from}/ DESTINATION share/attune/${to} COMPONENT ${component})
endfunction()

# The program and its libraries. Only what others link is exported; libattune_cli.so is the program's own, and
# libattune_media.so is for those who draw, so that OpenCV is nobody else's dependency.
install(TARGETS attune_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS attune_cli LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
# Below 1.0 every minor version may change the interface.
if(NOT SKBUILD)
  set_target_properties(attune attune_media PROPERTIES VERSION ${PROJECT_VERSION}
                                                       SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
endif()
set_target_properties(attune_sdk PROPERTIES EXPORT_NAME sdk)
set_target_properties(attune_media PROPERTIES EXPORT_NAME media)
install(TARGETS attune_sdk EXPORT attune-sdkTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} NAMELINK_COMPONENT sdk)
install(TARGETS attune attune_media EXPORT attuneTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} NAMELINK_COMPONENT sdk)

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

# Specs, and what `attune new` writes.
attune_install_data(${PROJECT_SOURCE_DIR}/docs/specs specs runtime)
attune_install_data(${PROJECT_SOURCE_DIR}/sdk/template template sdk)

# Documents, arranged as in the source tree, whose links they contain.
install(FILES README.md CHANGELOG.md CONTRIBUTING.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(
  DIRECTORY docs
  DESTINATION ${CMAKE_INSTALL_DOCDIR}
  FILES_MATCHING
  PATTERN "*.md"
  PATTERN "*.png"
  PATTERN "*.svg"
  PATTERN "*.json"
  REGEX "docs/(examples|experiments)/.*"
  PATTERN "__pycache__" EXCLUDE)
# Where Debian wants every package's licence.
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/doc/attune-sdk RENAME copyright COMPONENT sdk)

# Headers.
install(
  DIRECTORY ${PROJECT_SOURCE_DIR}/sdk/include/attune ${PROJECT_SOURCE_DIR}/host/include/attune
            ${PROJECT_BINARY_DIR}/sdk/include/attune
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  COMPONENT sdk
  FILES_MATCHING
  PATTERN "*.h")

include(AttuneExport)
include(AttunePackage)
