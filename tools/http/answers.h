// Answers as bytes. Every one of them carries the same few headers, which tell the browser what a
// page of this server may do: load its own files, talk to its own server, and nothing else.
#pragma once
#include <string>
#include <string_view>

#include "tools/http/http.h"

namespace glass {

// {"error":{"code":"not_found","message":"...","hint":"..."}}; the code is that of the status.
HttpResponse error_answer(int status, std::string_view message, std::string_view hint = "");
std::string_view error_code(int status);   // 404 -> "not_found"

enum class Then : bool { keep_open, hang_up };
enum class Body : bool { sent, left_out };   // left out: the answer to a HEAD

std::string answer_bytes(const HttpResponse& response, Then then, Body body = Body::sent);
// A stream has no length: it ends when the connection does.
std::string stream_head();
std::string event_bytes(std::string_view name, std::string_view data);

}   // namespace glass
