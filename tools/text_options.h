// What the commands about text share.
#pragma once
#include <string>

#include "model/source.h"
#include "model/tokenizer/tokenizer.h"
#include "tools/arguments.h"

namespace glass {

inline constexpr Option kRanksOption = {
    .name = "ranks",
    .value = "DIR",
    .help =
        "a folder with the files of gpt2, cl100k and o200k; without it, the one that glass data "
        "fetch writes to"};

// What a user typed with \n, \t and \\ in it, as a separator: "\n" is a line end.
std::string with_escapes(const std::string& text);

// --tokenizer of a command that has --corpus: char and bpe:N learn from it, and need it.
TokenizerPtr chosen_tokenizer(const Arguments& args);

// A token as a person can read it: quoted, with control letters and bytes that are no UTF-8 as
// \xNN.
std::string shown_token(std::string_view bytes);

// Writes the whole file or nothing. "-": to stdout.
void write_whole_file(const std::string& path, std::string_view bytes);

// UsageError for a place that is taken: by a file, unless --overwrite says so, or by a folder with
// things in it.
void refuse_to_overwrite(const std::string& path, const Arguments& args);

// SystemError for a file that cannot be written there: its folder is missing, or it is a folder
// itself. Asked before long work, so that its result is not lost for a typo.
void refuse_unwritable(const std::string& path);

}   // namespace glass
