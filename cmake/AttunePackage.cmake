# What `cpack` makes: a Debian package per part, `attune` and `attune-sdk`. It needs Debian's own LibTorch, whose package
# is what the dependencies name. Included by AttuneInstall.cmake, after the last install().

set(CPACK_GENERATOR DEB)
set(CPACK_COMPONENTS_ALL runtime sdk)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS ${CMAKE_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS})
set(CPACK_PACKAGE_CONTACT "attune developers <attune@localhost>")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)

set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME attune)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION science)
set(CPACK_DEBIAN_RUNTIME_DESCRIPTION
    "${PROJECT_DESCRIPTION}
Draws what a vision model looks at, and computes how well several views of it
agree, as a loss that the model can be trained with. Attention methods,
resolution matchers and correlations are plugins, and JSON files compose them.")
# The libraries' packages are found by dpkg-shlibdeps, in plugins and in what the program loads late too.
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
# LibTorch multiplies matrices with the reference BLAS otherwise, twenty times more slowly.
set(CPACK_DEBIAN_RUNTIME_PACKAGE_RECOMMENDS
    "libopenblas0-openmp, fonts-dejavu-core, fonts-droid-fallback, fonts-lohit-deva")

set(CPACK_DEBIAN_SDK_PACKAGE_NAME attune-sdk)
set(CPACK_DEBIAN_SDK_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_SDK_DESCRIPTION
    "${PROJECT_DESCRIPTION} - development files
Headers, packages for CMake and pkg-config, and templates: for plugins of attune
(attune new) and for programs that compute attention maps or consistency losses.")
set(CPACK_DEBIAN_SDK_PACKAGE_DEPENDS "attune (= ${PROJECT_VERSION}), libtorch-dev")
set(CPACK_DEBIAN_SDK_PACKAGE_RECOMMENDS "cmake, g++, make | ninja-build")

include(CPack)
