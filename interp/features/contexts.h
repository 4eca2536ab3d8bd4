// Pieces of a text around the moments at which something in the model was strong.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "interp/features/neurons.h"
#include "interp/page/page.h"

namespace glass {

// `values`: of what is looked at, over the tokens of the window in which the moment lies.
NeuronContext context_of(const Specimen& specimen, std::span<const std::int32_t> text,
                         std::int64_t T, const Moment& moment, std::span<const double> values,
                         int before, int after);

// One line each, every token coloured by its value. A bar marks where the model began to read.
void add_contexts(Page& page, const std::string& title, const std::vector<NeuronContext>& contexts);
void put_contexts(Json& json, const std::string& name, const std::vector<NeuronContext>& contexts);

// Counts over a range, as bars.
Figure histogram_figure(const std::string& title, std::span<const std::int64_t> counts, double low,
                        double high);
Figure effects_figure(const std::string& title, const std::vector<LogitEffect>& up,
                      const std::vector<LogitEffect>& down);
void put_effects(Json& json, const std::string& name, const std::vector<LogitEffect>& effects);

}   // namespace glass
