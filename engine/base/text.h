// Small things about text: numbers in and out of it, quoting for messages, "did you mean".
// Nothing here looks at the locale: a number reads and prints the same in every country.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace glass {

// Why a text is not the number one hoped for.
enum class NumberFault : std::uint8_t { none, empty, malformed, out_of_range, not_finite };

// The whole text must be the number: "12abc", " 12", "+12", "0x10" and "1e6" (as an integer) are
// malformed. A number must be finite: "nan" and "inf" are not_finite, "1e999" is out_of_range. On a
// fault `out` keeps its value.
NumberFault parse_integer(std::string_view text, std::int64_t& out);
NumberFault parse_number(std::string_view text, double& out);

// The shortest digits that read back as exactly this value: 0.1 -> "0.1". Non-finite: "nan", "inf",
// "-inf".
std::string shortest(double value);
std::string shortest(float value);

// printf into a string; always in the "C" locale, since no program of ours calls setlocale.
[[gnu::format(printf, 1, 2)]] std::string format(const char* pattern, ...);

std::string with_commas(std::int64_t n);   // 32033 -> "32,033"
std::string human_count(double n);         // 4192 -> "4.2K", 1.24e8 -> "124M"
std::string human_bytes(double bytes);     // 1536 -> "1.5 KiB"

std::vector<std::string> split(std::string_view text,
                               char separator);   // "a||b" has three parts; "" has one
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string list_of(const std::vector<std::string>& parts,
                    std::string_view last);   // {a,b,c}, "or" -> "a, b or c"

// What a stranger typed, made safe and short enough for one line of a message: control bytes become
// \xNN, the middle of a long text becomes "...".
std::string in_quotes(std::string_view text, std::size_t longest = 60);

bool has_control_bytes(std::string_view text);   // below 0x20, or 0x7f

// A name that can only mean something in the folder where it is looked for: no /, \\ or :, no dot
// in front, no control bytes.
bool is_plain_file_name(std::string_view name);

// How many letters must be inserted, deleted, replaced or swapped with a neighbour to turn a into
// b.
int edit_distance(std::string_view a, std::string_view b);

// The candidate that somebody who typed `word` most likely meant; "" if none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}   // namespace glass
