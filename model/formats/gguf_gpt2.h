// A GPT-2 in a GGUF, as llama.cpp reads it: which keys say what the model is, what its tensors are
// called there, and what must not be missing. Its gelu is the tanh form.
#pragma once
#include "model/formats/export.h"
#include "model/formats/foreign.h"
#include "model/formats/gguf.h"

namespace glass {

ForeignModel read_gguf_gpt2(const ByteSource& source, Want want);

extern const ForeignFormat kGgufFormat;
extern const ExportTarget kGgufTarget;

}   // namespace glass
