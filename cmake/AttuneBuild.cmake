# How everything in this tree is compiled: dependencies, language level, warnings, output folders.

include(GNUInstallDirs)
get_filename_component(ATTUNE_SOURCE_DIR ${CMAKE_CURRENT_LIST_DIR} DIRECTORY)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()
set(CMAKE_CXX_STANDARD 20)
if(ATTUNE_BUILD_FUZZERS)
  # What they need compiles as C++17 too, and c10::IValue of LibTorch 1.13 in Clang only so.
  set(CMAKE_CXX_STANDARD 17)
endif()
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
set(ATTUNE_PLUGIN_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib/attune/plugins)
# An installation may be moved; a LibTorch from elsewhere stays where it is.
file(RELATIVE_PATH attune_bin_to_lib /${CMAKE_INSTALL_BINDIR} /${CMAKE_INSTALL_LIBDIR})
set(CMAKE_INSTALL_RPATH "$ORIGIN/${attune_bin_to_lib};$ORIGIN")
set(CMAKE_INSTALL_RPATH_USE_LINK_PATH ON)
if(SKBUILD)
  include(AttuneWheel)
endif()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Without the sloppiness a precompiled header never hits the cache.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_DEPEND=1 CCACHE_SLOPPINESS=pch_defines,time_macros
                                  ${CCACHE_PROGRAM})
endif()

find_package(Torch REQUIRED)
find_package(Boost REQUIRED)
find_package(OpenCV REQUIRED COMPONENTS core imgproc imgcodecs videoio)
find_package(JPEG REQUIRED)
find_package(TIFF REQUIRED)
find_package(ZLIB REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_path(PROTOZERO_INCLUDE_DIR protozero/pbf_reader.hpp REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(PANGO REQUIRED pangocairo)
find_package(Threads REQUIRED)

include(AttuneTorch)
add_library(attune_torch ALIAS attune::torch)
set(ATTUNE_LIBTORCH "LibTorch ${Torch_VERSION} (${attune_torch_library})" CACHE INTERNAL "What setup.sh says it took")

add_library(attune_opencv INTERFACE)
target_link_libraries(attune_opencv INTERFACE ${OpenCV_LIBS})
target_include_directories(attune_opencv SYSTEM INTERFACE ${OpenCV_INCLUDE_DIRS})

add_library(attune_pango INTERFACE)
target_link_libraries(attune_pango INTERFACE ${PANGO_LINK_LIBRARIES})
target_include_directories(attune_pango SYSTEM INTERFACE ${PANGO_INCLUDE_DIRS})

add_library(attune_protozero INTERFACE)
target_include_directories(attune_protozero SYSTEM INTERFACE ${PROTOZERO_INCLUDE_DIR})

add_library(attune_warnings INTERFACE)
target_compile_options(attune_warnings INTERFACE -Wall -Wextra -Wpedantic
                                                 $<$<BOOL:${ATTUNE_WARNINGS_AS_ERRORS}>:-Werror>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # False alarms on std::string operator+ (GCC bugs 105651 and 105329), on LibTorch's reference counts, on
  # vector<bool>::reserve in Function::apply, and on optionals of operators.
  target_compile_options(attune_warnings INTERFACE -Wno-restrict -Wno-stringop-overflow -Wno-array-bounds
                                                   -Wno-maybe-uninitialized)
  # On every reference that a function of a name returns, such as colormap("magma").
  if(CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 13)
    target_compile_options(attune_warnings INTERFACE -Wno-dangling-reference)
  endif()
endif()

if(ATTUNE_SANITIZE)
  list(JOIN ATTUNE_SANITIZE "," attune_sanitizers)
  add_compile_options(-fsanitize=${attune_sanitizers} -fno-omit-frame-pointer -g)
  add_link_options(-fsanitize=${attune_sanitizers})
endif()

# For what casts LibTorch's types of values: the check of such casts needs type information that LibTorch keeps to itself.
function(attune_casts_torch_types target)
  if(ATTUNE_SANITIZE MATCHES "undefined")
    target_compile_options(${target} PRIVATE -fno-sanitize=vptr)
  endif()
endfunction()

# Reading LibTorch's headers takes most of the time of compiling a source of ours. They are precompiled once, and the
# sources of a room, of a plugin or of a test program are compiled as one, so that names in their anonymous namespaces
# are unique there. Sources include what they use all the same: both can be switched off.
option(ATTUNE_QUICK_BUILD "Precompile headers, and compile the sources of one target together" ON)
file(CONFIGURE OUTPUT precompiled.cpp CONTENT "")
add_library(attune_precompiled OBJECT ${PROJECT_BINARY_DIR}/precompiled.cpp)
target_link_libraries(attune_precompiled PRIVATE attune::torch attune_warnings)
target_precompile_headers(attune_precompiled PRIVATE <ATen/ATen.h> <torch/csrc/autograd/autograd.h>
                          <torch/csrc/jit/api/module.h> <filesystem> <iostream> <map> <set>)

# attune_quick(TARGET): compiles it in that way.
function(attune_quick target)
  if(NOT ATTUNE_QUICK_BUILD)
    return()
  endif()
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "EXECUTABLE")
    # As the libraries are, or the precompiled header is of no use.
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(${target} PRIVATE -fPIC)
  endif()
  # Clang takes one only for targets of the same visibility.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_precompile_headers(${target} REUSE_FROM attune_precompiled)
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 0)
  # Sources that are included look like headers, which should not use what is in anonymous namespaces.
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
endfunction()

# attune_exports(TARGET): a library keeps what is not attune's to itself, such as templates of LibTorch and of the standard
# library.
function(attune_exports target)
  set(exports ${ATTUNE_SOURCE_DIR}/cmake/attune.map)
  target_link_options(${target} PRIVATE LINKER:--version-script=${exports})
  set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS ${exports})
endfunction()

# attune_room(NAME SOURCES ... LINKS ...): one folder of host/src as a library of objects, or of headers where it has no
# sources. Its include folder holds the room alone, and the rooms that it links bring theirs: any other include of a room
# does not compile.
function(attune_room name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINKS" ${ARGN})
  set(includes ${PROJECT_BINARY_DIR}/rooms/${name})
  file(MAKE_DIRECTORY ${includes})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${includes}/${name} SYMBOLIC)
  if(NOT arg_SOURCES)
    add_library(attune_${name} INTERFACE)
    target_include_directories(attune_${name} INTERFACE ${includes})
    target_link_libraries(attune_${name} INTERFACE ${arg_LINKS})
    return()
  endif()
  add_library(attune_${name} OBJECT ${arg_SOURCES})
  target_include_directories(attune_${name} PUBLIC ${ATTUNE_SOURCE_DIR}/host/include ${includes})
  target_link_libraries(attune_${name} PUBLIC ${arg_LINKS} PRIVATE attune_warnings)
  set_target_properties(attune_${name} PROPERTIES VISIBILITY_INLINES_HIDDEN ON)
  attune_quick(attune_${name})
endfunction()
