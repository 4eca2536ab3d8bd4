// What a model expects next: the likeliest tokens of one row of logits.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace glass {

struct Opened;

struct Guess {
  std::int32_t id = 0;
  double probability = 0;
};

// The k likeliest of one row of logits (V), with their share of the softmax; of equal ones the
// lower id first.
std::vector<Guess> likeliest(std::span<const double> row, std::size_t k);

// The share of one token of the softmax of its row.
double probability_of(std::int32_t id, std::span<const double> row);

// The text of a token; "" where the model has no tokenizer, or more tokens than it.
std::string text_of(const Opened& opened, std::int32_t id);

}   // namespace glass
