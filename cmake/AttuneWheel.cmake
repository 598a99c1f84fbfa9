# Where pip builds (SKBUILD): the package is installed into the folder `attune` beside that of PyTorch, in a wheel, which
# has no symbolic links.

execute_process(
  COMMAND ${Python_EXECUTABLE} ${ATTUNE_SOURCE_DIR}/python/packaging/installed_torch.py
  OUTPUT_VARIABLE attune_installed_torch OUTPUT_STRIP_TRAILING_WHITESPACE
  ERROR_VARIABLE attune_no_torch RESULT_VARIABLE attune_torch_code)
if(NOT attune_torch_code EQUAL 0)
  message(FATAL_ERROR "${attune_no_torch}")
endif()
# Before the system's, and also in a folder that was configured with another one.
list(PREPEND CMAKE_PREFIX_PATH ${attune_installed_torch})
foreach(found Torch_DIR Caffe2_DIR TORCH_LIBRARY)
  unset(${found} CACHE)
endforeach()

set(CMAKE_INSTALL_LIBDIR lib)
set(CMAKE_INSTALL_RPATH "$ORIGIN/../lib;$ORIGIN;$ORIGIN/../../torch/lib")
set(CMAKE_INSTALL_RPATH_USE_LINK_PATH OFF)
