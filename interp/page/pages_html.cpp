#include "engine/base/error.h"
#include "interp/page/page.h"
namespace glass {
std::string pages_html(const std::string&, const std::vector<PageWithData>&) {
  fail(UsageError("--html is not there yet; take the terminal picture or --json."));
}
}   // namespace glass
