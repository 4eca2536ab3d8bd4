#include "engine/base/asker.h"

namespace glass {
namespace {

thread_local Asker* asker = nullptr;

}   // namespace

Asker::~Asker() = default;

AskedBy::AskedBy(Asker& who) : before_(asker) { asker = &who; }
AskedBy::~AskedBy() { asker = before_; }

void breathe() {
  if (asker != nullptr) asker->between_steps();
}

bool tell_asker(std::int64_t done, std::int64_t all, const std::string& what) {
  return asker != nullptr && asker->hears(done, all, what);
}

}   // namespace glass
