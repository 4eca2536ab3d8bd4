// Where this program keeps what it can make again.
#pragma once
#include <string>

namespace glass {

// $XDG_CACHE_HOME/glass or ~/.cache/glass; "" where there is neither.
std::string user_cache_folder();

}   // namespace glass
