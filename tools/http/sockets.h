// The few things the server asks of the operating system. Every socket is non-blocking and closed
// in programs that are started from here; no call waits, but for poll() in its callers.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "engine/base/file_ops.h"

namespace glass {

// SystemError where the port is in use; UsageError where the address is none.
Descriptor listen_on(const std::string& address, int port);
int port_of(const Descriptor& listener);
// The next client that waits; -1 where there is none, with the reason in errno.
int accept_from(const Descriptor& listener);

// What came of a call: so many bytes, nothing yet, or the other side is not there any more.
struct Moved {
  enum class How : unsigned char { some, later, gone } how;
  std::size_t bytes = 0;
};
Moved receive(const Descriptor& socket, char* to, std::size_t most);
Moved send(const Descriptor& socket, std::string_view bytes);   // never a SIGPIPE
void send_no_more(const Descriptor& socket);   // the other side sees the end of what was sent
bool hung_up(const Descriptor& socket);        // without taking anything from it

// Wakes up whoever waits in poll() for its descriptor; ring() may be called by any thread and by a
// signal handler. It goes on ringing until somebody quiets it.
class Bell {
 public:
  Bell();
  void ring() const;
  void quiet() const;
  int descriptor() const { return out_.get(); }

 private:
  explicit Bell(const int (&ends)[2]);
  Descriptor out_, in_;
};

}   // namespace glass
