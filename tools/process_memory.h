// How much memory this process holds, as the system counts it: pages that are really there.
#pragma once

namespace glass {

double resident_mib();        // now; 0 where the system does not tell
double most_resident_mib();   // the most so far
// Gives what the program has released, and the C library keeps for the next request, back to the
// system, so that it does not count for whoever comes next.
void give_memory_back();
// Lets most_resident_mib() count from here on. false: the system cannot, and it goes on counting.
bool forget_most_resident();

}   // namespace glass
