// The binary contract between host and plugins; docs/plugin-abi.md tells it in full. Plugin authors use ATTUNE_PLUGIN
// (plugin.h) and never anything from here.
//
// A plugin states the same facts twice: as text in the ELF section ".attune.abi", which the host reads from the file
// before any code of the plugin runs, and in the exported struct `attune_plugin_entry`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <torch/version.h>

#include <attune/sdk/export.h>
#include <attune/sdk/version.h>

// Tensors, virtual tables and exceptions cross the boundary, so both sides must share LibTorch, the standard library
// and the layout of its types. The tag names them in letters, digits and underscores: torch_1_13_0_libstdcxx_cxx11.
#if defined(_LIBCPP_VERSION)
#define ATTUNE_ABI_LIBRARY libcxx
#define ATTUNE_ABI_LAYOUT _LIBCPP_ABI_VERSION
#elif defined(_GLIBCXX_DEBUG)
#define ATTUNE_ABI_LIBRARY libstdcxx
#define ATTUNE_ABI_LAYOUT debug
#elif _GLIBCXX_USE_CXX11_ABI
#define ATTUNE_ABI_LIBRARY libstdcxx
#define ATTUNE_ABI_LAYOUT cxx11
#else
#define ATTUNE_ABI_LIBRARY libstdcxx
#define ATTUNE_ABI_LAYOUT cxx98
#endif

// Two steps, so that macros among the arguments are replaced first.
#define ATTUNE_ABI_TEXT_(x) #x
#define ATTUNE_ABI_TEXT(x) ATTUNE_ABI_TEXT_(x)
#define ATTUNE_ABI_JOIN_(prefix, major, minor, patch, library, layout) \
  prefix##torch_##major##_##minor##_##patch##_##library##_##layout
#define ATTUNE_ABI_JOIN(prefix, major, minor, patch, library, layout) \
  ATTUNE_ABI_JOIN_(prefix, major, minor, patch, library, layout)

#define ATTUNE_ABI_TAGGED(prefix)                                                                            \
  ATTUNE_ABI_JOIN(prefix, TORCH_VERSION_MAJOR, TORCH_VERSION_MINOR, TORCH_VERSION_PATCH, ATTUNE_ABI_LIBRARY, \
                  ATTUNE_ABI_LAYOUT)
#define ATTUNE_ABI_TAG ATTUNE_ABI_TEXT(ATTUNE_ABI_TAGGED())
#define ATTUNE_ABI_TORCH               \
  ATTUNE_ABI_TEXT(TORCH_VERSION_MAJOR) \
  "." ATTUNE_ABI_TEXT(TORCH_VERSION_MINOR) "." ATTUNE_ABI_TEXT(TORCH_VERSION_PATCH)

#define ATTUNE_ABI_SECTION ".attune.abi"

// Defined by libattune_sdk.so under its own tag only: a plugin with another tag does not even link dynamically.
#define ATTUNE_ABI_FENCE ATTUNE_ABI_TAGGED(attune_abi_)
extern "C" ATTUNE_SDK_API const char ATTUNE_ABI_FENCE;

namespace attune {

class Registry;

// The type of the symbol `attune_plugin_entry`. Plain data with the layout of C; later versions may only append fields.
struct PluginEntry {
  std::size_t struct_size;  // sizeof(PluginEntry) as the plugin was compiled
  std::uint32_t sdk_major;
  std::uint32_t sdk_minor;
  const char* torch_version;
  const char* abi_tag;
  const char* name;     // of the plugin
  const char* version;  // of the plugin
  const char* facts;    // the text in ".attune.abi"; keeps the section alive
  const char* fence;    // must be found in libattune_sdk.so when the plugin is loaded
  void (*register_components)(Registry&);
};

}  // namespace attune

// The body that follows is the plugin's register function; `registry` names its argument.
#define ATTUNE_PLUGIN(plugin_name, plugin_version, registry)                                          \
  static void attune_register_components(::attune::Registry& registry);                               \
  __attribute__((section(ATTUNE_ABI_SECTION), used)) static const char attune_plugin_facts[] =        \
      "sdk_major=" ATTUNE_ABI_TEXT(ATTUNE_SDK_MAJOR) "\nsdk_minor=" ATTUNE_ABI_TEXT(                  \
          ATTUNE_SDK_MINOR) "\ntorch=" ATTUNE_ABI_TORCH "\nabi=" ATTUNE_ABI_TAG "\nname=" plugin_name \
                            "\nversion=" plugin_version "\n";                                         \
  extern "C" ATTUNE_SDK_API const ::attune::PluginEntry attune_plugin_entry;                          \
  const ::attune::PluginEntry attune_plugin_entry = {sizeof(::attune::PluginEntry),                   \
                                                     ATTUNE_SDK_MAJOR,                                \
                                                     ATTUNE_SDK_MINOR,                                \
                                                     ATTUNE_ABI_TORCH,                                \
                                                     ATTUNE_ABI_TAG,                                  \
                                                     plugin_name,                                     \
                                                     plugin_version,                                  \
                                                     attune_plugin_facts,                             \
                                                     &ATTUNE_ABI_FENCE,                               \
                                                     attune_register_components};                     \
  static void attune_register_components(::attune::Registry& registry)
