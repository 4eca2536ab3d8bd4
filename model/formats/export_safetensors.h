// The safetensors target: our own checkpoint without what only training needs. It holds every
// model.
#pragma once
#include "model/formats/export.h"

namespace glass {

extern const ExportTarget kSafetensorsTarget;

}   // namespace glass
