// Places where a test may kill the program: GLASS_KILL_AT=before-rename:2 ends the process, as
// kill -9 would, the second time it comes past kill_point("before-rename"). So a test can look at
// what any moment of a save leaves behind. Without the variable a kill point does nothing.
#pragma once

namespace glass {

void kill_point(const char* name);

}   // namespace glass
