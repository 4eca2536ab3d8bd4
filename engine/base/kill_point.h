// Places where a test may kill the program: GLASS_KILL_AT=before-rename:2 ends the process, as
// kill -9 would, the second time it comes past kill_point("before-rename"). So a test can look at
// what any moment of a save leaves behind. Without the variable a kill point does nothing.
#pragma once
#include <string>

namespace glass {

void kill_point(const char* name);

// The same wish from inside of a program: "before-rename:2", or "" for none. Counting starts anew.
void set_kill_point(const std::string& wish);

}   // namespace glass
