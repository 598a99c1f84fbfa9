# attune::torch: LibTorch as one target, in attune's own tree and in programs that use an installed attune alike.
#
# LibTorch's own targets and flags vary between Debian's packages and the official archive: one interface hides that.
# As it is an imported target it is exported by name, so that no path of the build machine's LibTorch is installed.

add_library(attune::torch INTERFACE IMPORTED)
target_link_libraries(attune::torch INTERFACE ${TORCH_LIBRARIES})
target_include_directories(attune::torch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})
separate_arguments(attune_torch_flags UNIX_COMMAND "${TORCH_CXX_FLAGS}")
target_compile_options(attune::torch INTERFACE ${attune_torch_flags})

# TORCH_LIBRARY is another one where two are installed: TorchConfig.cmake looks for it in the system's folders first.
get_target_property(attune_torch_library torch_cpu LOCATION)

# Sets `result` to what objects must have in common to be linked together: LibTorch's version, without the "+cpu" or
# "+cu124" that says for which devices it was built, and the layout of the standard library's strings.
function(attune_torch_identity result)
  string(REGEX REPLACE "[+].*" "" version "${Torch_VERSION}")
  set(layout "")
  if(TORCH_CXX_FLAGS MATCHES "_GLIBCXX_USE_CXX11_ABI=0")
    set(layout " with the strings of before C++11")
  endif()
  set(${result} "${version}${layout}" PARENT_SCOPE)
endfunction()
