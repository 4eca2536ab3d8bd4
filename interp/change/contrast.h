// Two texts and a question that they answer differently. The texts are the same but for very
// little, so whatever part of the model answers the one way or the other must have to do with that
// little.
//
//   clean    .. A B .. A ?   the model says B (the target)
//   corrupt  .. Y B .. A ?   it has no reason to say B rather than C (the foil)
//
// The answer is one number, logit[target] - logit[foil] behind the last token. What is changed
// inside of the model moves it from the one text's number towards the other's.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "interp/activations.h"
#include "interp/specimen.h"

namespace glass {

struct Contrast {
  std::vector<std::int32_t> clean, corrupt;   // of one length; the question is what comes next
  std::int32_t target = -1, foil = -1;
};

// Contrasts of one length. Results are means over them: first of the numbers, then of what is
// computed from these.
struct Task {
  std::string name;
  std::vector<Contrast> pairs;

  std::int64_t B() const { return static_cast<std::int64_t>(pairs.size()); }
  std::int64_t T() const { return static_cast<std::int64_t>(pairs.front().clean.size()); }
};
Tensor clean_ids(const Specimen& specimen, const Task& task);   // (B,T)
Tensor corrupt_ids(const Specimen& specimen, const Task& task);

// UsageError, with `where` in front, for a pair that no patch can be made of: texts of different
// length, or the same, or too long for the model; a target and a foil that are no two tokens of it.
void check_texts(const Specimen& specimen, const Contrast& pair, const std::string& where);
void check(const Specimen& specimen, const Contrast& pair, const std::string& where);

// [first token] x0 .. x29 x0 .. xk, and what follows is x(k+1); in the corrupt one another token
// stands for the first xk. Shorter where the model reads or knows less.
Task induction_task(const Specimen& specimen, int pairs, std::uint64_t seed);

// A line for each pair: clean, corrupt, target and foil with tabs between them. Empty lines and
// lines that begin with # say nothing. ContentError names the line.
Task read_task(const Specimen& specimen, const std::string& path);

// What the model itself says to the one text and to the other, where nobody said what to look at.
void ask_model(const Specimen& specimen, Contrast& pair);
// A text as one token; UsageError where it is none, or several. "#17" is token 17.
std::int32_t one_token(const Specimen& specimen, const std::string& text, const std::string& what);

// ---- the answer ---------------------------------------------------------------------------------

// logits (cells B,1,V), the B pairs again and again -> logit[target] - logit[foil], (cells B).
Tensor logit_difference(const Tensor& logits, const Task& task);
// The same as the mean over pairs, for each cell.
std::vector<double> answers(const Tensor& logits, const Task& task);

// Both runs, with the activations that `patterns` mean (see look), and their answers.
struct TwoRuns {
  Activations clean, corrupt;
  double metric_clean = 0, metric_corrupt = 0;
};
// UsageError where the answers hardly differ: then there is nothing that a patch could restore.
TwoRuns run_both(const Specimen& specimen, const Task& task, std::vector<std::string> patterns);

// What was asked and what the two runs answered, as results carry it.
struct Question {
  std::vector<std::string> clean, corrupt;   // tokens of the first pair
  std::string target, foil;                  // of the first pair
  std::int64_t pairs = 1;
  double metric_clean = 0, metric_corrupt = 0;   // logit[target] - logit[foil], means over pairs
  // The first pair as one types it to ask for it again; nothing where no text is read as these
  // tokens.
  struct Typed {
    std::string clean, corrupt, target, foil;
  };
  std::optional<Typed> typed = {};
};
Question question_of(const Specimen& specimen, const Task& task, double metric_clean,
                     double metric_corrupt);
void put(Json& json, const Question& question);

// Told by what takes hours on a large model how far it is.
using Progressed = std::function<void(std::int64_t done, std::int64_t all)>;

// The answer and its two numbers as a sentence. Of several pairs they are means, and each pair has
// a target and a foil of its own.
std::string answer_in_words(const Question& question);

// What a reader has to know before believing in shares of the way from one answer to the other:
// that the model does not give the clean answer, or that the two lie close together. Empty where
// the question is a good one.
std::string doubt_about(const Question& question);

}   // namespace glass
