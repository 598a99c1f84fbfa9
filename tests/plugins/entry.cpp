// An entry that is made by hand: too short, or at odds with the section. ENTRY_SIZE and ENTRY_NAME say which.
#include "fixture.h"

static void register_components(attune::Registry& registry) { registry.add_correlation<Dot>(described("entry_dot")); }

__attribute__((section(ATTUNE_ABI_SECTION), used)) static const char facts[] =
    "sdk_major=" ATTUNE_ABI_TEXT(ATTUNE_SDK_MAJOR) "\nsdk_minor=" ATTUNE_ABI_TEXT(ATTUNE_SDK_MINOR) "\ntorch="  //
    ATTUNE_ABI_TORCH "\nabi=" ATTUNE_ABI_TAG "\nname=entry\nversion=1.0\n";

extern "C" ATTUNE_SDK_API const attune::PluginEntry attune_plugin_entry;
const attune::PluginEntry attune_plugin_entry = {
    ENTRY_SIZE, ATTUNE_SDK_MAJOR,  ATTUNE_SDK_MINOR,   ATTUNE_ABI_TORCH, ATTUNE_ABI_TAG, ENTRY_NAME, "1.0",
    facts,      &ATTUNE_ABI_FENCE, register_components};
