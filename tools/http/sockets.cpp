#include "tools/http/sockets.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "engine/base/error.h"
#include "engine/base/text.h"

namespace glass {
namespace {

#ifdef MSG_NOSIGNAL
constexpr int kNoSignal = MSG_NOSIGNAL;
#else
constexpr int kNoSignal = 0;   // SO_NOSIGPIPE says it once for the whole socket
#endif

void prepare(int fd) {
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
}

void set(int fd, int level, int option) {
  const int on = 1;
  ::setsockopt(fd, level, option, &on, sizeof on);
}

Moved moved(ssize_t result) {
  if (result > 0) return {Moved::How::some, static_cast<std::size_t>(result)};
  const bool later = result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  return {later ? Moved::How::later : Moved::How::gone};
}

using Addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

Addresses resolve(const std::string& address, int port) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV;   // asks no name server
  addrinfo* found = nullptr;
  const std::string digits = address == "localhost" ? "127.0.0.1" : address;
  if (::getaddrinfo(digits.c_str(), std::to_string(port).c_str(), &wanted, &found) != 0)
    fail(UsageError(in_quotes(address) +
                    " is not an address to listen on; 127.0.0.1 is this machine alone"));
  return {found, &::freeaddrinfo};
}

}   // namespace

Descriptor listen_on(const std::string& address, int port) {
  if (port < 0 || port > 65535)
    fail(UsageError("a port is a number from 0 (any that is free) to 65535, not " +
                    std::to_string(port)));
  const Addresses found = resolve(address, port);
  Descriptor listener(system_files(), ::socket(found->ai_family, SOCK_STREAM, 0));
  const std::string where =
      "cannot listen on " + address + (port == 0 ? "" : ", port " + std::to_string(port)) + ": ";
  if (!listener) fail(SystemError(where + reason_of(errno)));
  prepare(listener.get());
  set(listener.get(), SOL_SOCKET, SO_REUSEADDR);   // a port that was ours a minute ago is free
  if (::bind(listener.get(), found->ai_addr, found->ai_addrlen) != 0) {
    if (errno == EADDRINUSE)
      fail(SystemError(where + "it is in use; choose another, or 0 for any that is free"));
    if (errno == EADDRNOTAVAIL)
      fail(
          SystemError(where + "this machine has no such address; 127.0.0.1 is this machine alone"));
    fail(SystemError(where + reason_of(errno)));
  }
  if (::listen(listener.get(), SOMAXCONN) != 0) fail(SystemError(where + reason_of(errno)));
  return listener;
}

int port_of(const Descriptor& listener) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
    fail(SystemError("cannot learn the port: " + reason_of(errno)));
  return ntohs(address.ss_family == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                   : reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

int accept_from(const Descriptor& listener) {
  const int fd = unless_interrupted([&] { return ::accept(listener.get(), nullptr, nullptr); });
  if (fd < 0) return fd;
  prepare(fd);
  set(fd, IPPROTO_TCP, TCP_NODELAY);   // an event is small, and goes out at once
#ifdef SO_NOSIGPIPE
  set(fd, SOL_SOCKET, SO_NOSIGPIPE);
#endif
  return fd;
}

Moved receive(const Descriptor& socket, char* to, std::size_t most) {
  ssize_t got = -1;
  do got = ::recv(socket.get(), to, most, 0);
  while (got < 0 && errno == EINTR);
  return moved(got);
}

Moved send(const Descriptor& socket, std::string_view bytes) {
  ssize_t sent = -1;
  do sent = ::send(socket.get(), bytes.data(), bytes.size(), kNoSignal);
  while (sent < 0 && errno == EINTR);
  return moved(sent);
}

void send_no_more(const Descriptor& socket) { ::shutdown(socket.get(), SHUT_WR); }

bool hung_up(const Descriptor& socket) {
  char byte = 0;
  ssize_t got = -1;
  do got = ::recv(socket.get(), &byte, 1, MSG_PEEK);
  while (got < 0 && errno == EINTR);
  return moved(got).how == Moved::How::gone;
}

namespace {

struct Ends {
  int fd[2] = {-1, -1};
  Ends() {
    if (::pipe(fd) != 0) fail(SystemError("cannot make a pipe: " + reason_of(errno)));
    for (const int end : fd) prepare(end);
  }
};

}   // namespace

Bell::Bell() : Bell(Ends().fd) {}
Bell::Bell(const int (&ends)[2]) : out_(system_files(), ends[0]), in_(system_files(), ends[1]) {}

void Bell::ring() const {
  const int before = errno;                             // of whatever a signal interrupted
  const ssize_t ignored = ::write(in_.get(), "!", 1);   // a full pipe rings already
  static_cast<void>(ignored);
  errno = before;
}

void Bell::quiet() const {
  char bytes[256];
  while (::read(out_.get(), bytes, sizeof bytes) > 0) {}
}

}   // namespace glass
