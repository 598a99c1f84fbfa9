#include <attune/sdk/error.h>

namespace attune {

Error::Error(Fault fault, const std::string& message) : std::runtime_error(message), fault_(fault) {}

Error::~Error() = default;

}  // namespace attune
