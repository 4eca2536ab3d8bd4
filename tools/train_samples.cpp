#include "tools/train_samples.h"

#include "engine/base/text.h"

namespace glass {

std::string SampleReport::text() const { return join(lines, "\n"); }

SampleReport sample_report(LanguageModel&, const Dataset&, const TrainConfig&) { return {}; }
std::string running_sample(LanguageModel&, const Dataset&, const TrainConfig&, std::int64_t) { return ""; }

}  // namespace glass
