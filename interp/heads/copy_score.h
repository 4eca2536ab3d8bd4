// What a head says about the token it looks at: does it speak for it, or against it?
#pragma once
#include "interp/heads/patterns.h"

namespace glass {

struct CopyScores {
  PerHead copy;    // how far the target's logit stands above the others, in their deviations
  PerHead first;   // how often the target is what the head speaks for most
};

// Over sequences of `repeated`: what each head writes at the matches, on its direct way through the
// final norm to the logits. At most `most` numbers of logits are looked at, of matches evenly
// spread; but of each sequence one match at least. Norms behind the blocks (post-norm) are left
// out: what passes them is scaled by another number at every position.
CopyScores copy_scores(GPT& gpt, const std::vector<Sequence>& sequences, double most = 1e7);

}   // namespace glass
