// The plugins of this build.
#pragma once

#include <filesystem>

#include <attune/catalogue.h>

namespace attune {

inline const Catalogue& catalogue() {
  static const Catalogue loaded =
      Catalogue::load(search_folders({std::filesystem::path(ATTUNE_BUILD_DIR) / "lib" / "attune" / "plugins"}));
  return loaded;
}

}  // namespace attune
