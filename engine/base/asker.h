// Who waits for what this thread computes. Work that may take minutes takes a breath between its
// steps; there whoever asked for it may end it, for nobody wants it any more, or let others compute
// first. A model breathes between its blocks, so that no analysis has to think of it.
//
//   PageThatAsked page;             // an Asker: ends the work when its connection is gone
//   const AskedBy scope(page);      // from here on this thread computes for it
//   trace_circuit(specimen, ...);   // throws Interrupted out of the middle
#pragma once
#include <cstdint>
#include <string>

#include "engine/base/error.h"

namespace glass {

// Thrown out of the middle of something that was interrupted: what was found until then says
// nothing.
struct Interrupted : Error {
  Interrupted() : Error(ExitCode::interrupted, "this was interrupted before it was done") {}
};

class Asker {
 public:
  virtual ~Asker();
  virtual void between_steps() {}   // fail(Interrupted()) ends the work
  // How far it is; false: nobody listens here, and it may be told elsewhere.
  virtual bool hears(std::int64_t /*done*/, std::int64_t /*all*/, const std::string& /*what*/) {
    return false;
  }
};

// For this thread, as long as it lives; then whoever asked before.
class AskedBy {
 public:
  explicit AskedBy(Asker& asker);
  ~AskedBy();
  AskedBy(const AskedBy&) = delete;
  AskedBy& operator=(const AskedBy&) = delete;

 private:
  Asker* before_;
};

// What long work calls; where nobody is there who asked, nothing happens.
void breathe();
bool tell_asker(std::int64_t done, std::int64_t all, const std::string& what);

}   // namespace glass
