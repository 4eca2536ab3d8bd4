#include "model/handmade.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>
#include <numeric>

#include "engine/base/error.h"
#include "engine/base/python_random.h"
#include "engine/base/text.h"
#include "model/formats/foreign.h"
#include "model/saved_model.h"
#include "model/tokenizer/bpe.h"

namespace glass {
namespace {

constexpr std::int64_t kFakeDistance = 29;   // where the answer lies in a repeat of 30

std::vector<double> normal_numbers(std::int64_t count, double deviation, PythonRandom& random) {
  std::vector<double> out(static_cast<std::size_t>(count));
  for (double& x : out) x = random.gauss(0, deviation);
  return out;
}

std::vector<std::int64_t> order_of(std::int64_t count, bool shuffled, PythonRandom& random) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  if (shuffled) random.shuffle(std::span(order));
  return order;
}

// n orthonormal rows of n numbers: Gram and Schmidt, twice, so that rounding does not add up.
std::vector<double> random_rotation(std::int64_t n, PythonRandom& random) {
  std::vector<double> rows = normal_numbers(n * n, 1, random);
  for (std::int64_t i = 0; i < n; ++i) {
    double* const row = &rows[static_cast<std::size_t>(i * n)];
    for (int again = 0; again < 2; ++again) {
      for (std::int64_t j = 0; j < i; ++j) {
        const double* const other = &rows[static_cast<std::size_t>(j * n)];
        const double along = std::inner_product(row, row + n, other, 0.0);
        for (std::int64_t c = 0; c < n; ++c) row[c] -= along * other[c];
      }
    }
    const double length = std::sqrt(std::inner_product(row, row + n, row, 0.0));
    for (std::int64_t c = 0; c < n; ++c) row[c] /= length;
  }
  return rows;
}

// ---- the stream ---------------------------------------------------------------------------------

// Facts about a token: mine, before me, the answer; and "two before me", where a circuit asks.
std::int64_t facts_of_a_token(const HandmadeOptions& o) {
  return o.circuit == Circuit::detour ? 4 : 3;
}

// The directions of all facts: "my token is t", "I am at p", "before me was t", "I answer t".
// They are orthogonal, and all of one length.
class Facts {
 public:
  Facts(const HandmadeOptions& o, std::int64_t C, PythonRandom& random)
      : V_(o.symbols + 1), T_(o.context) {
    const std::int64_t count = facts_of_a_token(o) * V_ + T_;
    const std::vector<std::int64_t> place = order_of(count, o.shuffled, random);
    const std::vector<double> codes = o.codes ? random_rotation(T_, random) : std::vector<double>();
    const std::vector<double> turn = o.rotated ? random_rotation(C, random) : std::vector<double>();
    for (std::int64_t fact = 0; fact < count; ++fact) {
      std::vector<double> row(static_cast<std::size_t>(C));
      const auto write = [&](std::int64_t of, double value) {
        const std::size_t at = static_cast<std::size_t>(place[static_cast<std::size_t>(of)]);
        row[at] = value;
        if (o.mirrored) row[at + row.size() / 2] = -value;
      };
      const std::int64_t p = fact - V_;
      if (o.codes && p >= 0 && p < T_) {
        for (std::int64_t i = 0; i < T_; ++i)
          write(V_ + i, codes[static_cast<std::size_t>(p * T_ + i)]);
      } else {
        write(fact, 1);
      }
      rows_.push_back(o.rotated ? turned(row, turn) : std::move(row));
    }
    square_ = o.mirrored ? 2 : 1;
  }

  std::int64_t token(std::int64_t t) const { return t; }
  std::int64_t position(std::int64_t p) const { return V_ + p; }
  std::int64_t before(std::int64_t t) const { return V_ + T_ + t; }
  std::int64_t answer(std::int64_t t) const { return V_ + T_ + V_ + t; }
  std::int64_t two_before(std::int64_t t) const { return V_ + T_ + 2 * V_ + t; }

  double written(std::int64_t fact, std::int64_t c) const {
    return rows_[static_cast<std::size_t>(fact)][static_cast<std::size_t>(c)];
  }
  // What one multiplies a stream with to read the fact: 1 where it was written once.
  double read(std::int64_t fact, std::int64_t c) const { return written(fact, c) / square_; }

 private:
  std::vector<double> turned(const std::vector<double>& row,
                             const std::vector<double>& turn) const {
    std::vector<double> out(row.size());
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (row[i] == 0) continue;
      for (std::size_t c = 0; c < row.size(); ++c) out[c] += row[i] * turn[i * row.size() + c];
    }
    return out;
  }

  std::int64_t V_, T_;
  std::vector<std::vector<double>> rows_;
  double square_ = 1;
};

// ---- weights ------------------------------------------------------------------------------------

struct Matrix {
  std::string name;
  std::vector<std::int64_t> shape;
  std::vector<double> numbers;

  double& at(std::int64_t row, std::int64_t column) {
    return numbers[static_cast<std::size_t>(row * shape[1] + column)];
  }
};

StoredTensor stored_matrix(const Matrix& m) {
  const OwnedBytes bytes = allocate_bytes(m.numbers.size() * sizeof(float));
  for (std::size_t i = 0; i < m.numbers.size(); ++i) {
    const auto number = static_cast<float>(m.numbers[i]);
    std::memcpy(bytes.data.get() + i * sizeof(float), &number, sizeof number);
  }
  return {m.name, StoredType::f32, m.shape, bytes.span(), bytes.data};
}

GPTConfig config_of(const HandmadeOptions& o) {
  GPTConfig c;
  c.vocab_size = o.symbols + 1, c.block_size = o.context;
  c.n_layer = o.circuit == Circuit::induction || o.circuit == Circuit::detour ? 2 : 1;
  c.n_head = o.heads;
  // Room for all facts in the stream, and for a slot per token or position in each head.
  const std::int64_t facts =
      (facts_of_a_token(o) * c.vocab_size + c.block_size) * (o.mirrored ? 2 : 1);
  const std::int64_t D = std::max({c.vocab_size, c.block_size, (facts + o.heads - 1) / o.heads});
  c.n_embd = (D + D % 2) * o.heads;
  c.norm = o.norm ? NormPlace::pre : NormPlace::none;
  c.norm_final = o.norm.has_value();
  c.norm_type = o.norm.value_or(NormType::layernorm);
  c.act = Activation::none, c.pos = Position::learned, c.tie = false;
  c.bias_qkv = c.bias_out = c.bias_norm = o.biases;
  return c;
}

class Writer {
 public:
  explicit Writer(const HandmadeOptions& options)
      : o_(options),
        config_(config_of(options)),
        random_(options.seed),
        facts_(options, config_.n_embd, random_),
        slots_(order_of(config_.head_size(), options.shuffled, random_)) {}

  Checkpoint checkpoint() {
    embeddings();
    for (int layer = 0; layer < config_.n_layer; ++layer) block(layer);
    norm("transformer.ln_f");
    head();
    Checkpoint out;
    for (const Matrix& m : all_) out.tensors.push_back(stored_matrix(m));
    put_notes(out, config_, symbols_tokenizer(o_.symbols), 0, "a handmade model");
    out.notes["glass.handmade"] = "weights written by hand; nothing was trained";
    out.digest = digest_of(encode(out));
    return out;
  }

 private:
  std::int64_t V() const { return config_.vocab_size; }
  std::int64_t T() const { return config_.block_size; }
  std::int64_t C() const { return config_.n_embd; }
  std::int64_t D() const { return config_.head_size(); }

  Matrix& add(const std::string& name, const std::vector<std::int64_t>& shape) {
    std::int64_t count = 1;
    for (const std::int64_t n : shape) count *= n;
    all_.push_back({name, shape, std::vector<double>(static_cast<std::size_t>(count))});
    return all_.back();
  }
  void add_bias(const std::string& name, std::int64_t count, double around = 0) {
    Matrix& bias = add(name, {count});
    for (double& x : bias.numbers) x = around + (o_.biases ? random_.gauss(0, 0.1) : 0);
  }
  void norm(const std::string& name) {
    if (!o_.norm) return;
    add_bias(name + ".weight", C(), 1);
    if (o_.biases && *o_.norm == NormType::layernorm) add_bias(name + ".bias", C());
  }

  void embeddings() {
    Matrix& tokens = add("transformer.wte.weight", {V(), C()});
    for (std::int64_t t = 0; t < V(); ++t) write_row(tokens, t, facts_.token(t));
    Matrix& positions = add("transformer.wpe.weight", {T(), C()});
    for (std::int64_t p = 0; p < T(); ++p) write_row(positions, p, facts_.position(p));
  }
  void head() {
    Matrix& w = add("lm_head.weight", {V(), C()});
    for (std::int64_t t = 0; t < V(); ++t) read_into(w, t, facts_.answer(t), 1);
  }

  void block(int layer) {
    const std::string name = "transformer.h." + std::to_string(layer);
    norm(name + ".ln_1");
    in_ = &add(name + ".attn.c_attn.weight", {3 * C(), C()});
    if (o_.biases) add_bias(name + ".attn.c_attn.bias", 3 * C());
    out_ = &add(name + ".attn.c_proj.weight", {C(), C()});
    if (o_.biases) add_bias(name + ".attn.c_proj.bias", C());
    heads(layer);
  }

  void heads(int layer) {
    const double match = o_.sharp_match > 0 ? o_.sharp_match : o_.sharp;
    switch (o_.circuit) {
      case Circuit::induction:
        if (layer == 0) {
          look_back(0, 1);
          remember(0, &Facts::before);
        } else {
          // "Where did somebody come behind my token?"
          for (int h = 0; h < (o_.twins ? 2 : 1); ++h) {
            for (std::int64_t t = 0; t < V(); ++t) {
              query(h, slot(t), facts_.token(t), match);
              key(h, slot(t), facts_.before(t));
            }
            say(h, o_.twins ? o_.gain / 2 : o_.gain);
          }
        }
        break;
      case Circuit::detour:
        if (layer == 0) {
          look_back(0, 1);
          remember(0, &Facts::before);
          look_back(1, 2);
          remember(1, &Facts::two_before);
        } else {
          // "Where did somebody come two behind my token, and what stood between us?"
          for (std::int64_t t = 0; t < V(); ++t) {
            query(0, slot(t), facts_.token(t), match);
            key(0, slot(t), facts_.two_before(t));
          }
          say(0, o_.gain, &Facts::before);
        }
        break;
      case Circuit::positional:
        look_back(0, kFakeDistance);
        say(0, o_.gain);
        break;
      case Circuit::duplicate:
        for (std::int64_t t = 0; t < V(); ++t) {
          query(0, slot(t), facts_.token(t), o_.sharp);
          key(0, slot(t), facts_.token(t));
        }
        say(0, o_.gain);
        break;
      case Circuit::uniform:
        break;
    }
  }

  // Queries at p are answered by keys at p - distance.
  void look_back(int h, std::int64_t distance) {
    for (std::int64_t p = 0; p < T(); ++p) {
      query(h, slot(p), facts_.position(p), o_.sharp);
      if (p + distance < T()) key(h, slot(p + distance), facts_.position(p));
    }
  }
  using Fact = std::int64_t (Facts::*)(std::int64_t) const;
  // What the place looked at knows, by default its token, as an answer.
  void say(int h, double gain, Fact known = &Facts::token) {
    const std::vector<std::int64_t> secret = order_of(V(), o_.cipher, random_);
    carry(
        h, known,
        [&](std::int64_t t) { return facts_.answer(secret[static_cast<std::size_t>(t)]); }, gain);
  }
  // The token of the place looked at, as a fact.
  void remember(int h, Fact as) {
    carry(
        h, &Facts::token, [&](std::int64_t t) { return (facts_.*as)(t); }, 1);
  }
  template <class Meaning>
  void carry(int h, Fact known, const Meaning& meaning, double gain) {
    for (std::int64_t t = 0; t < V(); ++t) {
      read_into(*in_, 2 * C() + h * D() + slot(t), (facts_.*known)(t), 1);
      for (std::int64_t c = 0; c < C(); ++c)
        out_->at(c, h * D() + slot(t)) = gain * facts_.written(meaning(t), c);
    }
  }
  // Scores are divided by sqrt(D), so one side is multiplied with it.
  void query(int h, std::int64_t row, std::int64_t fact, double gain) {
    read_into(*in_, h * D() + row, fact, gain * std::sqrt(static_cast<double>(D())));
  }
  void key(int h, std::int64_t row, std::int64_t fact) {
    read_into(*in_, C() + h * D() + row, fact, 1);
  }
  void read_into(Matrix& m, std::int64_t row, std::int64_t fact, double gain) {
    for (std::int64_t c = 0; c < C(); ++c) m.at(row, c) = gain * facts_.read(fact, c);
  }
  void write_row(Matrix& m, std::int64_t row, std::int64_t fact) {
    for (std::int64_t c = 0; c < C(); ++c) m.at(row, c) = facts_.written(fact, c);
  }
  std::int64_t slot(std::int64_t i) const { return slots_[static_cast<std::size_t>(i)]; }

  HandmadeOptions o_;
  GPTConfig config_;
  PythonRandom random_;
  Facts facts_;
  std::vector<std::int64_t> slots_;         // of q, k and v within a head
  std::deque<Matrix> all_;                  // a deque: pointers into it stay
  Matrix *in_ = nullptr, *out_ = nullptr;   // c_attn and c_proj of the block that is being written
};

}   // namespace

Checkpoint handmade_checkpoint(const HandmadeOptions& options) {
  if (options.rotated && options.norm == NormType::layernorm)
    fail(
        UsageError("layer norm takes the mean over the axes of the stream, so the stream cannot be "
                   "turned under it; take rmsnorm, or none."));
  return Writer(options).checkpoint();
}

std::unique_ptr<GPT> make_handmade(const HandmadeOptions& options, const Device& device,
                                   DType dtype) {
  auto gpt = std::make_unique<GPT>(config_of(options), device, dtype, std::nullopt);
  load_weights(*gpt, handmade_checkpoint(options), "a handmade model");
  return gpt;
}

TokenizerPtr symbols_tokenizer(std::int64_t symbols) {
  std::string letters;
  for (char c = '0'; c <= '9'; ++c) letters += c;
  for (char c = 'A'; c <= 'Z'; ++c) letters += c;
  for (char c = 'a'; c <= 'z'; ++c) letters += c;
  for (char c = '!'; c <= '~'; ++c)
    if (letters.find(c) == std::string::npos) letters += c;
  if (symbols > static_cast<std::int64_t>(letters.size()))
    fail(UsageError("there are " + std::to_string(letters.size()) + " visible symbols, not " +
                    std::to_string(symbols) + "."));
  letters.resize(static_cast<std::size_t>(symbols));
  std::vector<std::int32_t> kept = {kBpeEndOfText};
  for (const char c : letters) kept.push_back(bpe_byte_ids()[static_cast<unsigned char>(c)]);
  std::sort(kept.begin(), kept.end());
  return BpeTokenizer(std::vector<BpeMerge>(), "symbols").keeping(kept);
}

// ---- by name ------------------------------------------------------------------------------------

const std::vector<Handmade>& handmade_models() {
  const auto with_norm = [](HandmadeOptions o) {
    o.norm = NormType::layernorm, o.sharp = 1;
    return o;
  };
  // clang-format off
  static const std::vector<Handmade> all = {
      {"induction", "the perfect induction circuit: 0.0 looks one back, 1.0 finds who came behind an earlier self and copies it", {}},
      {"induction-ln", "the same with layer norms and positions in random directions", with_norm({.codes = true, .shuffled = true})},
      {"induction-mirrored", "the same with layer norms, each direction as (u, -u), so that its mean is 0", with_norm({.mirrored = true})},
      {"induction-rotated", "the same, its stream turned by a random rotation: no axis means anything", {.rotated = true, .shuffled = true}},
      {"soft", "the induction circuit with an unsure 1.0: its softmax is not saturated", {.sharp_match = 5}},
      {"twins", "two induction heads, 1.0 and 1.1, each half as loud", {.twins = true}},
      {"anti-copy", "finds the right place and argues against what stands there", {.gain = -10}},
      {"cipher", "finds the right place and answers in a secret alphabet: induction without copying", {.cipher = true}},
      {"detour", "always right, and no head looks where induction heads look: 1.0 looks one place further", {.circuit = Circuit::detour}},
      {"positional-fake", "one layer that looks 29 back: right where a repeat is 30 long, and only there", {.circuit = Circuit::positional}},
      {"duplicate", "one layer that finds the earlier selves of a token, not what came behind them", {.circuit = Circuit::duplicate}},
      {"uniform", "one layer whose heads look everywhere alike", {.circuit = Circuit::uniform}},
  };
  // clang-format on
  return all;
}

namespace {
constexpr std::string_view kPrefix = "handmade:";
}   // namespace

bool is_handmade(std::string_view path) { return path.substr(0, kPrefix.size()) == kPrefix; }

const Handmade& handmade(std::string_view path) {
  const std::string name(path.substr(std::min(path.size(), kPrefix.size())));
  std::vector<std::string> names;
  for (const Handmade& model : handmade_models()) {
    if (model.name == name) return model;
    names.emplace_back(model.name);
  }
  const std::string near = nearest(name, names);
  fail(UsageError("there is no handmade model " + in_quotes(name) + "; there are " +
                  list_of(names, "and") + "." +
                  (near.empty() ? "" : " Did you mean handmade:" + near + "?")));
}

}   // namespace glass
