#include <attune/sdk/descriptor.h>

namespace attune {

std::string to_string(ComponentKind kind) {
  switch (kind) {
    case ComponentKind::method:
      return "method";
    case ComponentKind::matcher:
      return "matcher";
    case ComponentKind::correlation:
      return "correlation";
  }
  return "component";
}

}  // namespace attune
