#include "interp/heads/detectors.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "engine/base/error.h"
#include "interp/heads/copy_score.h"
#include "interp/heads/induction.h"

namespace glass {
namespace {

constexpr std::int64_t kLate = 3;      // the first row that counts as late
constexpr std::int64_t kPiece = 256;   // tokens of a piece of text at most
constexpr double kMostlyLocal = 0.9;   // "local" is a weak word, so it takes much
constexpr std::size_t kFewTexts = 5;   // for each random model

bool all_of_these(std::string_view text, std::string_view these) {
  return !text.empty() && text.find_first_not_of(these) == std::string_view::npos;
}

// The bracket that a token is, beside spaces; or 0.
char bracket_in(std::string_view text) {
  char found = 0;
  for (const char c : text) {
    if (c == ' ') continue;
    if (found || std::string_view("()[]{}").find(c) == std::string_view::npos) return 0;
    found = c;
  }
  return found;
}

// Pairs of brackets in one text. One that closes what was never opened has no partner.
std::vector<Match> brackets_of(const Tokenizer& tokenizer, std::span<const std::int32_t> ids) {
  std::vector<Match> pairs;
  std::vector<std::pair<char, std::int64_t>> open;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const char c = bracket_in(tokenizer.token(ids[i]));
    const auto at = static_cast<std::int64_t>(i);
    if (c == '(' || c == '[' || c == '{') open.emplace_back(c, at);
    const char opens = c == ')' ? '(' : c == ']' ? '[' : c == '}' ? '{' : '\0';
    if (!opens || open.empty()) continue;
    if (open.back().first == opens) pairs.push_back({at, open.back().second});
    open.pop_back();
  }
  return pairs;
}

// For each query, the places behind earlier occurrences of its token.
std::vector<std::vector<std::size_t>> prefixes_of(std::span<const std::int32_t> ids) {
  std::vector<std::vector<std::size_t>> behind(ids.size());
  std::map<std::int32_t, std::vector<std::size_t>> seen;   // token -> where its successors stand
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (i > 0) seen[ids[i - 1]].push_back(i);   // j <= i
    behind[i] = seen[ids[i]];
  }
  return behind;
}

// Of a row over `seen` tokens: 1 is everywhere alike.
double entropy_of(const double* row, std::int64_t i, std::int64_t seen) {
  double sum = 0;
  for (std::int64_t j = 0; j <= i; ++j)
    if (row[j] > 0) sum -= row[j] * std::log(row[j]);
  return sum / std::log(static_cast<double>(seen));
}

// Sums of one question over the rows that have an answer.
struct Mean {
  PerHead sum;
  double count = 0;
  explicit Mean(const GPTConfig& c) : sum(c) {}
  PerHead value() const {
    PerHead v = sum;
    for (double& x : v.values) x = count > 0 ? x / count : std::nan("");
    return v;
  }
};

class RowReader {
 public:
  RowReader(const GPTConfig& config, const ReadTexts& texts)
      : window_(config.window), texts_(texts), all_(kDetectors, Mean(config)), late_(all_) {
    for (const auto& ids : texts.ids) prefixes_.push_back(prefixes_of(ids));
  }

  void add(const PatternBatch& p) {
    for (std::int64_t b = 0; b < p.B; ++b)
      for (std::int64_t h = 0; h < p.H; ++h) head(p, b, h);
  }

  Detected value() const {
    Detected out;
    for (std::size_t d = 0; d < kDetectors; ++d)
      out.all[d] = all_[d].value(), out.late[d] = late_[d].value();
    return out;
  }

 private:
  void put(Detector d, const PatternBatch& p, std::int64_t h, std::int64_t i, double value) {
    const bool counts = p.layer == 0 && h == 0;   // rows are the same for all heads
    const auto into = [&](Mean& mean) {
      mean.sum.at(p.layer, h) += value;
      if (counts) mean.count += 1;
    };
    into(all_[static_cast<std::size_t>(d)]);
    if (i >= kLate) into(late_[static_cast<std::size_t>(d)]);
  }

  void head(const PatternBatch& p, std::int64_t b, std::int64_t h) {
    const auto text = static_cast<std::size_t>(p.first + b);
    const bool known = text < texts_.delimiters.size();
    double delimiters = known && texts_.delimiters[text][0] ? 1 : 0;
    for (std::int64_t i = 1; i < p.T; ++i) {
      const double* row = p.row(b, h, i);
      put(Detector::current, p, h, i, row[i]);
      put(Detector::previous, p, h, i, row[i - 1]);
      put(Detector::bos, p, h, i, row[0]);
      double near = 0;
      for (std::int64_t j = std::max<std::int64_t>(0, i - kLocal); j <= i; ++j) near += row[j];
      put(Detector::local, p, h, i, near);
      const std::int64_t seen = window_ > 0 ? std::min(window_, i + 1) : i + 1;
      if (seen > 1) put(Detector::entropy, p, h, i, entropy_of(row, i, seen));
      const auto& behind = prefixes_[text][static_cast<std::size_t>(i)];
      if (!behind.empty()) {
        double mass = 0;
        for (const std::size_t j : behind) mass += row[j];
        put(Detector::prefix, p, h, i, mass);
      }
      if (!known) continue;
      const std::vector<bool>& is_delimiter = texts_.delimiters[text];
      delimiters += is_delimiter[static_cast<std::size_t>(i)] ? 1 : 0;
      if (seen <= i) delimiters -= is_delimiter[static_cast<std::size_t>(i - seen)] ? 1 : 0;
      double mass = 0;
      for (std::int64_t j = 0; j <= i; ++j)
        mass += is_delimiter[static_cast<std::size_t>(j)] ? row[j] : 0;
      put(Detector::delimiter, p, h, i, mass - delimiters / static_cast<double>(seen));
    }
    if (!known) return;
    for (const Match& m : texts_.brackets[text])
      put(Detector::bracket, p, h, m.query, p.row(b, h, m.query)[m.target]);
  }

  std::int64_t window_;
  const ReadTexts& texts_;
  std::vector<Mean> all_, late_;
  std::vector<std::vector<std::vector<std::size_t>>> prefixes_;
};

// The same sequences with the match one place earlier: the token itself.
std::vector<Sequence> duplicates_of(std::vector<Sequence> sequences) {
  for (Sequence& s : sequences)
    for (Match& m : s.matches) --m.target;
  return sequences;
}

// Everything that is asked, of one model.
struct Asked {
  std::vector<Sequence> repeats, gaps;
  ReadTexts texts, prefix_texts;   // without a text: the repeats, and longer ones for `prefix`
  bool of_text = false;
};

Detected detect(GPT& gpt, const Asked& asked) {
  const GPTConfig& c = gpt.config();
  const std::vector<Sequence> selves = duplicates_of(asked.repeats);
  MatchShare induction(c, asked.repeats), duplicate(c, selves);
  RowReader rows(c, asked.texts);
  each_pattern(gpt, texts_of(asked.repeats), [&](const PatternBatch& p) {
    induction.add(p), duplicate.add(p);
    if (!asked.of_text) rows.add(p);
  });
  Detected found = asked.of_text ? detect_in_texts(gpt, asked.texts) : rows.value();
  if (!asked.prefix_texts.ids.empty()) {
    const Detected repeats = detect_in_texts(gpt, asked.prefix_texts);
    found[Detector::prefix] = repeats[Detector::prefix];
    found.late[static_cast<std::size_t>(Detector::prefix)] = repeats[Detector::prefix];
  }
  const auto fill = [&](Detector d, const PerHead& values) {
    found[d] = found.late[static_cast<std::size_t>(d)] = values;
  };
  fill(Detector::duplicate, duplicate.value());
  fill(Detector::induction, induction.value());
  fill(Detector::positional, positional_share(gpt, asked.gaps));
  return found;
}

Asked asked_of(const SequenceSource& source, std::int64_t N, int sequences, ReadTexts texts) {
  Asked asked;
  asked.repeats = many_repeated(source, N, sequences);
  asked.gaps = many_with_gap(source, N, sequences);
  asked.of_text = !texts.ids.empty();
  asked.texts = std::move(texts);
  if (asked.of_text) return asked;
  asked.texts.ids = texts_of(asked.repeats);
  // Matching has more to find where a piece comes four times.
  const std::int64_t four = std::min((source.context - source.front()) / 4, source.longest_half());
  if (four >= 2)
    asked.prefix_texts.ids =
        texts_of(many_repeated(source, std::min<std::int64_t>(25, four), sequences, 4));
  return asked;
}

struct Named {
  Detector detector;
  const char* name;
  double least;
};
// From the most special to the least: who finds earlier selves also finds itself, and many heads
// rest at the first token when they find nothing.
constexpr Named kNames[] = {
    {Detector::bracket, "closes brackets", kInductionThreshold},
    {Detector::duplicate, "duplicate token", kInductionThreshold},
    {Detector::previous, "previous token", kInductionThreshold},
    {Detector::delimiter, "delimiters", kInductionThreshold},
    {Detector::current, "current token", kInductionThreshold},
    {Detector::bos, "first token", kInductionThreshold},
    {Detector::local, "local", kMostlyLocal},
};

// The first name whose answer is high and above chance.
std::string name_of(const HeadReading& head) {
  const auto late = [&](Detector d) { return head.late[static_cast<std::size_t>(d)]; };
  const auto stands_out = [&](Detector d) {
    return head.z[static_cast<std::size_t>(d)] > kEnoughDeviations;
  };
  const bool matches =
      (late(Detector::induction) >= kInductionThreshold && stands_out(Detector::induction)) ||
      (late(Detector::prefix) >= kInductionThreshold && stands_out(Detector::prefix) &&
       head.copy < 0);
  if (matches && head[Detector::positional] < kMostPositional)
    return head.copy < 0 ? "anti-induction" : "induction";
  for (const Named& named : kNames)
    if (late(named.detector) >= named.least && stands_out(named.detector)) return named.name;
  return "";
}

}   // namespace

std::int64_t ReadTexts::words() const {
  std::int32_t most = 0;
  for (const auto& text : ids)
    for (const std::int32_t id : text) most = std::max(most, id);
  return most + 1;
}

ReadTexts ReadTexts::renamed() const {
  ReadTexts out = *this;
  std::map<std::int32_t, std::int32_t> names;
  for (auto& text : out.ids)
    for (std::int32_t& id : text)
      id = names.emplace(id, static_cast<std::int32_t>(names.size())).first->second;
  return out;
}

ReadTexts ReadTexts::first(std::size_t count) const {
  ReadTexts out = *this;
  if (count >= ids.size()) return out;
  out.ids.resize(count);
  if (!out.delimiters.empty()) out.delimiters.resize(count), out.brackets.resize(count);
  return out;
}

ReadTexts read_texts(const Specimen& specimen, Texts ids) {
  ReadTexts out{std::move(ids), {}, {}};
  if (!specimen.tokenizer) return out;
  for (const auto& text : out.ids) {
    std::vector<bool> delimiters;
    for (const std::int32_t id : text)
      delimiters.push_back(all_of_these(specimen.tokenizer->token(id), " \t\r\n.,;:!?\"'()[]{}-"));
    out.delimiters.push_back(std::move(delimiters));
    out.brackets.push_back(brackets_of(*specimen.tokenizer, text));
  }
  return out;
}

Texts pieces_of(std::span<const std::int32_t> text, std::int64_t T, int count) {
  const auto size = static_cast<std::int64_t>(text.size());
  Texts pieces;
  const std::int64_t fit = std::min<std::int64_t>(count, size / T);
  for (std::int64_t i = 0; i < fit; ++i) {
    const std::int64_t start = (size - T) * i / std::max<std::int64_t>(1, fit - 1);
    pieces.emplace_back(text.begin() + start, text.begin() + start + T);
  }
  return pieces;
}

Detected detect_in_texts(GPT& gpt, const ReadTexts& texts) {
  RowReader rows(gpt.config(), texts);
  each_pattern(gpt, texts.ids, [&](const PatternBatch& p) { rows.add(p); });
  return rows.value();
}

HeadsResult heads_of(const Specimen& specimen, const HeadsOptions& options) {
  GPT& gpt = specimen.gpt;
  const GPTConfig& c = gpt.config();
  const SequenceSource source(specimen, options.bos, options.seed);
  HeadsResult r;
  r.from = specimen.from;
  r.from.seed = static_cast<std::int64_t>(options.seed);
  r.n = chosen_length(source, options.n);
  r.layers = c.n_layer, r.heads_in_layer = c.n_head, r.text = !options.text.empty();
  ReadTexts texts;
  if (r.text) {
    const std::int64_t T =
        std::min({c.block_size, kPiece, static_cast<std::int64_t>(options.text.size())});
    if (T < 4)
      fail(ContentError("the text has fewer than 4 tokens; there is nothing to look back at."));
    texts = read_texts(specimen, pieces_of(options.text, T, options.sequences));
  }
  const Asked asked = asked_of(source, r.n, options.sequences, texts);
  for (const auto& text : asked.texts.ids) r.tokens_read += static_cast<std::int64_t>(text.size());
  const Detected found = detect(gpt, asked);
  const CopyScores copy = copy_scores(gpt, asked.repeats);

  const SequenceSource few = with_few_words(source);
  const Asked asked_few =
      asked_of(few, r.n, std::min(options.sequences, static_cast<int>(kFewTexts)),
               texts.first(kFewTexts).renamed());
  std::array<ChanceOf, kDetectors> chance;
  each_random_model(gpt, std::max(few.vocab_size, asked_few.texts.words()), options.random_models,
                    options.seed, [&](GPT& random) {
                      const Detected by_chance = detect(random, asked_few);
                      for (std::size_t d = 0; d < kDetectors; ++d) chance[d].add(by_chance.late[d]);
                    });
  for (std::size_t d = 0; d < kDetectors; ++d) r.chance[d] = chance[d].chance();

  for (int l = 0; l < c.n_layer; ++l) {
    for (int h = 0; h < c.n_head; ++h) {
      HeadReading head;
      head.layer = l, head.head = h, head.copy = copy.copy.at(l, h);
      for (std::size_t d = 0; d < kDetectors; ++d) {
        head.values[d] = found.all[d].at(l, h), head.late[d] = found.late[d].at(l, h);
        head.z[d] = r.chance[d].z(head.late[d]);
      }
      head.label = name_of(head);
      r.heads.push_back(std::move(head));
    }
  }
  return r;
}

}   // namespace glass
