// What a checkpoint says about the data that its model learned from: enough to open them again, and
// to notice when they are others.
#pragma once
#include <string>

#include "model/checkpoint.h"
#include "model/dataset.h"

namespace glass {

inline constexpr const char* kDataNote = "glass.data";

struct DataNote {
  DataOptions options;   // as they were given, with the tokenizer that the checkpoint has
  std::string digest;    // of the tokens
};

std::string data_note(const DataOptions& options, const Dataset& data);
DataNote read_data_note(const Checkpoint& checkpoint,
                        const std::string& what);   // what: the file, for messages

}   // namespace glass
