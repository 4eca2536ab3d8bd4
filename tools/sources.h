// Files of this program that it shows: to a person who steps through it in a terminal, and to one
// who asks a page for the lines behind a number. They lie in the binary, so what is shown is what
// runs.
#pragma once
#include <span>
#include <string_view>

namespace glass {

struct SourceFile {
  std::string_view name;   // "microgpt.cpp"
  std::string_view path;   // "model/microgpt.cpp", as Where::file says it
  std::string_view text;
};

std::span<const SourceFile> source_files();
// By name or by path; null for any other. A table, never a path on the disk.
const SourceFile* find_source(std::string_view name);

// Line `number` of a text, from 1 on, without its indentation; "" behind the last.
std::string_view line_of(std::string_view text, int number);
// The number of the first line that holds these words; of the one where a function is defined
// ("lens_of", "Readout::share"). 0: there is none.
int line_with(std::string_view text, std::string_view words);
int line_of_function(std::string_view text, std::string_view function);

}   // namespace glass
