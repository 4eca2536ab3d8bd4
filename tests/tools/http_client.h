// A client that says exactly the bytes it is given, for tests of servers. It waits as long as it
// takes, up to a minute: a test that would wait longer fails.
#pragma once
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <utility>

namespace glass::test {

struct Heard {
  int status = 0;   // 0: the connection ended, or it was no answer
  std::string head, body;
};

class Client {
 public:
  explicit Client(int port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval minute{60, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &minute, sizeof minute);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &minute, sizeof minute);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      ADD_FAILURE() << "cannot connect to port " << port;
  }
  ~Client() { close(); }
  Client(Client&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), heard_(std::move(other.heard_)) {}
  Client& operator=(Client&& other) noexcept {
    std::swap(fd_, other.fd_);
    heard_.swap(other.heard_);
    return *this;
  }

  // false: the server does not listen any more.
  bool say(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  // Up to and with `end`, or as much as there is before the connection ends.
  std::string hear_until(std::string_view end) {
    std::size_t found = std::string::npos;
    while ((found = heard_.find(end)) == std::string::npos && more()) {}
    return take(found == std::string::npos ? heard_.size() : found + end.size());
  }
  std::string hear_bytes(std::size_t n) {
    while (heard_.size() < n && more()) {}
    return take(std::min(n, heard_.size()));
  }
  std::string hear_all() {
    while (more()) {}
    return take(heard_.size());
  }
  // One answer, with the body that its length promises.
  Heard hear(bool with_body = true) {
    Heard heard;
    heard.head = hear_until("\r\n\r\n");
    if (heard.head.substr(0, 9) != "HTTP/1.1 ") return heard;
    heard.status = std::stoi(heard.head.substr(9, 3));
    const std::size_t length = heard.head.find("Content-Length: ");
    if (with_body && length != std::string::npos)
      heard.body = hear_bytes(std::stoul(heard.head.substr(length + 16)));
    return heard;
  }
  bool ended() { return heard_.empty() && !more(); }
  bool broken() const { return broken_; }   // it ended, and not because both were done

  void say_no_more() const { ::shutdown(fd_, SHUT_WR); }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  // As a program that dies: the system tells the server at once, and drops what it still sends.
  void vanish() {
    const linger at_once{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close();
  }

 private:
  bool more() {
    char bytes[65536];
    const ssize_t got = ::recv(fd_, bytes, sizeof bytes, 0);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
      ADD_FAILURE() << "the server said nothing for a minute";
    broken_ = got < 0;
    if (got <= 0) return false;
    heard_.append(bytes, static_cast<std::size_t>(got));
    return true;
  }
  std::string take(std::size_t n) {
    std::string taken = heard_.substr(0, n);
    heard_.erase(0, n);
    return taken;
  }

  int fd_;
  std::string heard_;   // and not taken yet
  bool broken_ = false;
};

inline std::string get(const std::string& target, const std::string& headers = "") {
  return "GET " + target + " HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n";
}

}   // namespace glass::test
