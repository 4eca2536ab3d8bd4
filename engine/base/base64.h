// Bytes as letters (RFC 4648): three bytes make four letters of A-Z a-z 0-9 + and /, and = fills
// the last four. Strict where it reads: every text has one meaning, and every bytes have one text.
#pragma once
#include <string>
#include <string_view>

namespace glass {

std::string base64(std::string_view bytes);
// Appends what the letters stand for. False where they are no base64; `bytes` may then hold a part.
bool from_base64(std::string_view letters, std::string& bytes);

}   // namespace glass
