// Plugins of a few lines, most of which must be refused: the build chooses one.

#include <exception>
#include <stdexcept>

#include <attune/sdk/abi.h>

#ifdef FIXTURE_no_entry
#define attune_plugin_entry another_entry
#endif

#include "fixture.h"

#if defined(FIXTURE_marked)

// A plugin that is fine and whose static constructor leaves a mark: the counterpart of the refused ones.
ATTUNE_PLUGIN("marked", "1.0", registry) { registry.add_correlation<Dot>(described("marked_dot")); }

#elif defined(FIXTURE_empty)

// Registers nothing.
ATTUNE_PLUGIN("empty", "1.0", registry) { (void)registry; }

#elif defined(FIXTURE_again)

// Registers an id that the good plugin has too, after one that is its own.
ATTUNE_PLUGIN("zz_again", "1.0", registry) {
  registry.add_correlation<Dot>(described("again_dot"));
  registry.add_correlation<Dot>(described("good_dot"));
}

#elif defined(FIXTURE_throws)

// Registers one component and then throws.
ATTUNE_PLUGIN("throws", "1.0", registry) {
  registry.add_correlation<Dot>(described("throws_dot"));
  throw std::runtime_error("no licence found\nwith a trace");
}

#elif defined(FIXTURE_throws_number)

// Registers one component and then throws what is no std::exception.
ATTUNE_PLUGIN("throws_number", "1.0", registry) {
  registry.add_correlation<Dot>(described("throws_number_dot"));
  throw 42;
}

#elif defined(FIXTURE_swallows)

// Registers one component, then one with a bad id, and hides the error.
ATTUNE_PLUGIN("swallows", "1.0", registry) {
  registry.add_correlation<Dot>(described("swallows_dot"));
  try {
    registry.add_correlation<Dot>(described("Swallows Dot"));
  } catch (const std::exception&) {
  }
}

#elif defined(FIXTURE_undefined)

// Calls a function that no library has.
void nobody_defines_this();

ATTUNE_PLUGIN("undefined", "1.0", registry) {
  nobody_defines_this();
  registry.add_correlation<Dot>(described("undefined_dot"));
}

#elif defined(FIXTURE_newer_sdk)

// Says that it needs something which this major version of the SDK got later.
#undef ATTUNE_SDK_MINOR
#define ATTUNE_SDK_MINOR 99
ATTUNE_PLUGIN("newer_sdk", "1.0", registry) { registry.add_correlation<Dot>(described("newer_sdk_dot")); }

#elif defined(FIXTURE_other_torch)

// Built, as far as the host can tell, with another LibTorch; its fence is a symbol that does not exist here.
#undef TORCH_VERSION_MINOR
#define TORCH_VERSION_MINOR 99
extern "C" const char ATTUNE_ABI_FENCE;
ATTUNE_PLUGIN("other_torch", "1.0", registry) { registry.add_correlation<Dot>(described("other_torch_dot")); }

#elif defined(FIXTURE_other_abi)

// Built, as far as the host can tell, with another layout of the standard library's types.
#undef ATTUNE_ABI_LAYOUT
#define ATTUNE_ABI_LAYOUT cxx03
extern "C" const char ATTUNE_ABI_FENCE;
ATTUNE_PLUGIN("other_abi", "1.0", registry) { registry.add_correlation<Dot>(described("other_abi_dot")); }

#elif defined(FIXTURE_fenced)

// Its section lies: the facts fit, but the fence says that it was built against another SDK library.
#undef ATTUNE_ABI_FENCE
#define ATTUNE_ABI_FENCE attune_abi_of_another_world
extern "C" const char ATTUNE_ABI_FENCE;
ATTUNE_PLUGIN("fenced", "1.0", registry) { registry.add_correlation<Dot>(described("fenced_dot")); }

#elif defined(FIXTURE_no_entry)

// Has the section but not the entry.
ATTUNE_PLUGIN("no_entry", "1.0", registry) { registry.add_correlation<Dot>(described("no_entry_dot")); }

#elif defined(FIXTURE_no_section)

// A shared library that is no plugin.
extern "C" int answer() { return 42; }

#elif defined(FIXTURE_entry)

// An entry that is made by hand: too short, or at odds with the section. ENTRY_SIZE and ENTRY_NAME say which.
static void register_components(attune::Registry& registry) { registry.add_correlation<Dot>(described("entry_dot")); }

__attribute__((section(ATTUNE_ABI_SECTION), used)) static const char facts[] =
    "sdk_major=" ATTUNE_ABI_TEXT(ATTUNE_SDK_MAJOR) "\nsdk_minor=" ATTUNE_ABI_TEXT(ATTUNE_SDK_MINOR) "\ntorch="  //
    ATTUNE_ABI_TORCH "\nabi=" ATTUNE_ABI_TAG "\nname=entry\nversion=1.0\n";

extern "C" ATTUNE_SDK_API const attune::PluginEntry attune_plugin_entry;
const attune::PluginEntry attune_plugin_entry = {
    ENTRY_SIZE, ATTUNE_SDK_MAJOR,  ATTUNE_SDK_MINOR,   ATTUNE_ABI_TORCH, ATTUNE_ABI_TAG, ENTRY_NAME, "1.0",
    facts,      &ATTUNE_ABI_FENCE, register_components};

#else
#error "which fixture?"
#endif
