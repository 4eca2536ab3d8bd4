// The bug that is switched on; 0: none. The copies that mutate.py writes ask for it.
#pragma once

namespace glass {

inline int active_mutant = 0;
inline bool mutant(int number) { return number == active_mutant; }

}  // namespace glass
