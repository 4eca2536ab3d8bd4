#include "tools/http/request_reader.h"

#include <algorithm>
#include <utility>

#include "engine/base/text.h"

namespace glass {
namespace {

constexpr std::string_view kMethods[] = {"GET",   "HEAD",   "POST",   "PUT",
                                         "PATCH", "DELETE", "OPTIONS"};
// Of two of these, two programs might believe different ones.
constexpr std::string_view kOnce[] = {"host",   "content-length", "content-type", "expect",
                                      "origin", "sec-fetch-site", "x-glass-token"};
constexpr std::size_t kBesideTarget = 32;   // "OPTIONS", "HTTP/1.1" and two spaces, generously

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_blank(char c) { return c == ' ' || c == '\t'; }

// What the name of a header may be made of (RFC 9110, "token").
bool is_token(char c) {
  return is_digit(c) || is_upper(c) || (c >= 'a' && c <= 'z') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

template <class Holds>
bool all(std::string_view text, const Holds& holds) {
  return !text.empty() && std::all_of(text.begin(), text.end(), holds);
}

std::string in_small_letters(std::string_view text) {
  std::string small(text);
  for (char& c : small)
    if (is_upper(c)) c = static_cast<char>(c - 'A' + 'a');
  return small;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

bool is_version(std::string_view word) {
  return word.size() == 8 && word.substr(0, 5) == "HTTP/" && is_digit(word[5]) && word[6] == '.' &&
         is_digit(word[7]);
}

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  const char small = static_cast<char>(c | 0x20);
  return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

enum class Plus : bool { stays, is_a_space };

// "%C3%A9" -> "é". Nothing where a percent sign is not followed by two digits, or makes a NUL.
std::optional<std::string> unescaped(std::string_view text, Plus plus) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i] == '+' && plus == Plus::is_a_space ? ' ' : text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
    if (high < 0 || low < 0 || (high == 0 && low == 0)) return std::nullopt;
    out += static_cast<char>(16 * high + low);
    i += 2;
  }
  return out;
}

// Of a header that is a list: "Connection: keep-alive, close".
bool lists(std::string_view value, std::string_view word) {
  for (const std::string& part : split(value, ','))
    if (in_small_letters(trimmed(part)) == word) return true;
  return false;
}

}   // namespace

std::string_view HttpRequest::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (key == name) return value;
  return {};
}

RequestReader::State RequestReader::take(std::string_view bytes) {
  if (state_ == State::refused) return state_;
  buffer_.erase(0, at_);
  seen_ -= at_;
  at_ = 0;
  buffer_ += bytes;
  read_on();
  return state_;
}

RequestReader::State RequestReader::end() {
  if (state_ == State::header || state_ == State::body)
    refuse(400, "the connection ended in the middle of a request");
  return state_;
}

HttpRequest RequestReader::request() {
  HttpRequest whole = std::exchange(request_, {});
  state_ = State::waiting;
  first_line_ = true, wants_continue_ = false;
  header_bytes_ = body_bytes_ = 0;
  read_on();
  return whole;
}

void RequestReader::read_on() {
  if (state_ == State::waiting && at_ < buffer_.size()) state_ = State::header;
  while (state_ == State::header) {
    const std::optional<std::string_view> line = next_line();
    if (!line) return;
    if (first_line_) read_first_line(*line);
    else if (line->empty()) finish_header();
    else read_header(*line);
  }
  if (state_ == State::body) read_body();
}

// The next line without its end. Nothing while it is incomplete; what can be seen to be wrong is
// refused before the rest has come.
std::optional<std::string_view> RequestReader::next_line() {
  const std::size_t longest =
      first_line_ ? limits_.longest_target + kBesideTarget : limits_.longest_header_line;
  for (; seen_ < buffer_.size(); ++seen_) {
    const char byte = buffer_[seen_];
    const bool after_return = seen_ > at_ && buffer_[seen_ - 1] == '\r';
    if (byte == '\n' && after_return) {
      const std::size_t begin = std::exchange(at_, ++seen_);
      return std::string_view(buffer_).substr(begin, at_ - 2 - begin);
    }
    if (after_return || !may_stand(static_cast<unsigned char>(byte))) {
      refuse(400, "a line of a request ends with CR LF and holds no control bytes");
      return std::nullopt;
    }
    if (seen_ - at_ > longest) {
      if (first_line_) refuse(414, "the address is too long");
      else refuse(431, "a line of the header is too long");
      return std::nullopt;
    }
  }
  return std::nullopt;
}

bool RequestReader::may_stand(unsigned char byte) const {
  if (byte == '\r' || (byte >= 0x20 && byte < 0x7f)) return true;
  return !first_line_ && (byte == '\t' || byte >= 0x80);
}

void RequestReader::read_first_line(std::string_view line) {
  const std::vector<std::string> words = split(line, ' ');
  if (words.size() != 3 || !is_version(words[2]))
    return refuse(400, "a request begins with a method, an address and HTTP/1.1");
  if (words[2] != "HTTP/1.1" && words[2] != "HTTP/1.0")
    return refuse(505, "this server speaks HTTP/1.1");
  if (std::find(std::begin(kMethods), std::end(kMethods), words[0]) == std::end(kMethods))
    return refuse(all(words[0], is_upper) ? 501 : 400, "this method is not known here");
  first_line_ = false;
  request_.method = words[0];
  request_.keep_alive = words[2] == "HTTP/1.1";
  read_target(words[1]);
}

void RequestReader::read_target(std::string_view target) {
  if (target.size() > limits_.longest_target) return refuse(414, "the address is too long");
  if (target.substr(0, 1) != "/" || target.find('#') != std::string_view::npos)
    return refuse(400, "an address here begins with / and has no #");
  const std::size_t mark = std::min(target.find('?'), target.size());
  const std::optional<std::string> path = unescaped(target.substr(0, mark), Plus::stays);
  if (!path) return refuse(400, "a % of the address is not followed by the digits of a byte");
  request_.path = *path;
  if (mark == target.size()) return;
  for (const std::string& part : split(target.substr(mark + 1), '&')) {
    if (part.empty()) continue;
    const std::size_t equals = std::min(part.find('='), part.size());
    const auto name = unescaped(part.substr(0, equals), Plus::is_a_space);
    const auto value = unescaped(part.substr(std::min(equals + 1, part.size())), Plus::is_a_space);
    if (!name || !value)
      return refuse(400, "a % of the address is not followed by the digits of a byte");
    request_.query.emplace_back(*name, *value);
  }
}

void RequestReader::read_header(std::string_view line) {
  header_bytes_ += line.size() + 2;
  if (header_bytes_ > limits_.longest_header) return refuse(431, "the header is too long");
  if (request_.headers.size() == limits_.most_headers)
    return refuse(431, "the header has too many lines");
  if (is_blank(line.front())) return refuse(400, "a line of the header is folded");
  const std::size_t colon = std::min(line.find(':'), line.size());
  if (colon == line.size() || !all(line.substr(0, colon), is_token))
    return refuse(400, "a line of the header is a name, a colon right behind it, and a value");
  request_.headers.emplace_back(in_small_letters(line.substr(0, colon)),
                                trimmed(line.substr(colon + 1)));
}

void RequestReader::finish_header() {
  for (const std::string_view name : kOnce) {
    const auto same = [&](const auto& header) { return header.first == name; };
    if (std::count_if(request_.headers.begin(), request_.headers.end(), same) > 1)
      return refuse(400, "the header says twice: " + std::string(name));
  }
  if (request_.header("host").empty()) return refuse(400, "the header names no Host");
  for (const auto& [name, value] : request_.headers)
    if (name == "connection" && lists(value, "close")) request_.keep_alive = false;
  read_what_decides_the_body();
  if (state_ == State::header) state_ = State::body;
}

void RequestReader::read_what_decides_the_body() {
  const auto has = [&](std::string_view name) {
    return std::any_of(request_.headers.begin(), request_.headers.end(),
                       [&](const auto& header) { return header.first == name; });
  };
  if (has("transfer-encoding"))
    return refuse(501, "a body has a Content-Length here, and no Transfer-Encoding");
  if (!has("content-length"))
    return request_.method == "POST" ? refuse(411, "a POST needs a Content-Length") : void();
  std::int64_t length = -1;
  if (parse_integer(request_.header("content-length"), length) != NumberFault::none || length < 0)
    return refuse(400, "the Content-Length is not a number of bytes");
  if (static_cast<std::uint64_t>(length) > limits_.largest_body)
    return refuse(
        413, "the body is larger than " + human_bytes(static_cast<double>(limits_.largest_body)));
  body_bytes_ = static_cast<std::size_t>(length);
  if (!has("expect")) return;
  if (in_small_letters(request_.header("expect")) != "100-continue")
    return refuse(417, "the only thing to Expect here is 100-continue");
  wants_continue_ = true;
}

void RequestReader::read_body() {
  const std::size_t missing = body_bytes_ - request_.body.size();
  const std::size_t here = std::min(missing, buffer_.size() - at_);
  request_.body.append(buffer_, at_, here);
  at_ += here;
  seen_ = at_;
  if (here > 0 || missing == 0) wants_continue_ = false;
  if (here == missing) state_ = State::whole;
}

void RequestReader::refuse(int status, std::string why) {
  state_ = State::refused;
  refusal_ = {status, std::move(why)};
  buffer_.clear();
  at_ = seen_ = 0;
}

}   // namespace glass
