// The parser, on a table of its own, so that these claims do not depend on which commands exist.
#include "tools/arguments.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <sstream>

#include "tests/tools/process.h"
#include "tools/commands.h"
#include "tools/help.h"
#include "tools/options.h"

namespace glass {
namespace {

const Option kOptions[] = {
    {.name = "n-layer",
     .type = Type::integer,
     .value = "N",
     .fallback = "6",
     .min = 1,
     .max = 100,
     .help = "layers",
     .group = "Model"},
    {.name = "learning-rate",
     .type = Type::number,
     .value = "X",
     .fallback = "1e-3",
     .min = 0,
     .help = "step size",
     .also = "lr"},
    {.name = "engine",
     .type = Type::choice,
     .fallback = "scalar",
     .choices = "scalar|tensor",
     .missing = "quantum",
     .help = "which"},
    {.name = "out", .value = "DIR", .help = "where to", .also = "o out-dir"},
    {.name = "bias", .type = Type::flag, .fallback = "true", .help = "with biases"},
    {.name = "compile", .value = "X", .bare = "yes", .help = "or not"},
    {.name = "again",
     .value = "RUN",
     .bare = "last",
     .takes = [](const std::string& word) { return word.compare(0, 4, "run-") == 0; },
     .help = "which run"},
    {.name = "shift", .type = Type::number, .value = "X", .help = "any number"},
};
const Option kOperands[] = {{.name = "FILE", .help = "a file"}};
ExitCode nothing(const Arguments&) { return ExitCode::ok; }
const Command kCommand = {
    .name = "try", .summary = "try it", .operands = kOperands, .options = kOptions, .run = nothing};

std::map<std::string, std::string> environment;
const char* lookup(const char* name) {
  const auto found = environment.find(name);
  return found == environment.end() ? nullptr : found->second.c_str();
}

Arguments parsed(const std::vector<std::string>& words) {
  return parse(kCommand, "glass try", words, lookup);
}

std::string refusal(const std::vector<std::string>& words) {
  try {
    parsed(words);
  } catch (const UsageError& error) { return error.what(); }
  return "accepted";
}

class ArgumentsTest : public testing::Test {
 protected:
  void TearDown() override { environment.clear(); }
};

TEST_F(ArgumentsTest, AnOptionHasItsDefaultUntilItIsGiven) {
  EXPECT_EQ(parsed({}).integer("n-layer"), 6);
  EXPECT_EQ(parsed({}).source("n-layer"), Source::fallback);
  EXPECT_TRUE(parsed({}).flag("bias"));
  EXPECT_FALSE(parsed({}).flag("json"));
  EXPECT_FALSE(parsed({}).has("out"));
  EXPECT_FALSE(parsed({}).has("FILE"));
}

TEST_F(ArgumentsTest, EverySpellingOfOneOptionMeansTheSame) {
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"--n-layer", "4"}, {"--n-layer=4"}, {"--n_layer", "4"}, {"--n_layer=4"}}) {
    EXPECT_EQ(parsed(words).integer("n-layer"), 4) << words[0];
  }
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"-o", "x"}, {"-o=x"}, {"--out", "x"}, {"--out_dir=x"}, {"--out-dir", "x"}}) {
    EXPECT_EQ(parsed(words).text("out"), "x") << words[0];
  }
  EXPECT_EQ(parsed({"--lr", "0.5"}).number("learning-rate"), 0.5);
}

TEST_F(ArgumentsTest, FlagsTakePythonsWordsAndNo) {
  for (const char* off : {"--bias=False", "--bias=false", "--bias=0", "--bias=no", "--bias=off",
                          "--no-bias", "--no_bias"}) {
    EXPECT_FALSE(parsed({off}).flag("bias")) << off;
  }
  for (const char* on : {"--bias", "--bias=True", "--bias=1", "--bias=yes", "--bias=on"})
    EXPECT_TRUE(parsed({on}).flag("bias")) << on;
  EXPECT_NE(refusal({"--bias=maybe"}).find("is not true or false"), std::string::npos);
  EXPECT_NE(refusal({"--no-bias=1"}).find("takes no value"), std::string::npos);
}

TEST_F(ArgumentsTest, AFlagDoesNotSwallowTheNextWord) {
  const Arguments args = parsed({"--json", "names.txt"});
  EXPECT_TRUE(args.flag("json"));
  EXPECT_EQ(args.text("FILE"), "names.txt");
}

TEST_F(ArgumentsTest, AFlagTakesTheNextWordWhereItIsATruthValue) {
  for (const char* off : {"false", "False", "no", "0", "off"}) {
    const Arguments args = parsed({"--bias", off});
    EXPECT_FALSE(args.flag("bias")) << off;
    EXPECT_FALSE(args.has("FILE")) << off;
  }
  EXPECT_TRUE(parsed({"--json", "True"}).flag("json"));
  EXPECT_EQ(parsed({"--no-bias", "true"}).text("FILE"), "true") << "the word was said already";
}

TEST_F(ArgumentsTest, AnOptionThatCanStandAloneTakesOnlyItsOwnWords) {
  EXPECT_EQ(parsed({"--compile", "file"}).text("compile"), "yes");
  EXPECT_EQ(parsed({"--compile", "file"}).text("FILE"), "file");
  EXPECT_EQ(parsed({"--compile", "False"}).text("compile"), "False");
  EXPECT_EQ(parsed({"--again", "run-7"}).text("again"), "run-7");
  EXPECT_EQ(parsed({"--again", "7"}).text("again"), "last");
  EXPECT_EQ(parsed({"--again"}).text("again"), "last");
}

TEST_F(ArgumentsTest, ABoundThatIsAPowerOfTwoHoldsToTheLastUnit) {
  EXPECT_EQ(parsed({"--seed=9007199254740992"}).integer("seed"), std::int64_t{1} << 53);
  EXPECT_EQ(refusal({"--seed=9007199254740993"}),
            "--seed: '9007199254740993' is too large; it takes a whole number from 0 to "
            "9,007,199,254,740,992.");
}

TEST_F(ArgumentsTest, TheUsersOwnWordIsKept) {
  const Arguments args = parsed({"--dtype=bfloat16"});
  EXPECT_EQ(args.text("dtype"), "bf16");
  EXPECT_EQ(args.said("dtype"), "bfloat16");
  EXPECT_EQ(parsed({"--lr=0.50"}).said("learning-rate"), "0.50");
}

TEST_F(ArgumentsTest, WhatIsForgottenWasNeverSaid) {
  Arguments args = parsed({"file"});
  args.forget("FILE");
  EXPECT_FALSE(args.has("FILE"));
}

TEST_F(ArgumentsTest, NegativeNumbersAreValuesNotFlags) {
  EXPECT_EQ(parsed({"--shift", "-1.5"}).number("shift"), -1.5);
  EXPECT_EQ(parsed({"--shift", "-.5"}).number("shift"), -0.5);
  EXPECT_NE(refusal({"--n-layer", "-1"}).find("is too small"), std::string::npos);
}

TEST_F(ArgumentsTest, TwoDashesEndTheOptions) {
  EXPECT_EQ(parsed({"--", "--json"}).text("FILE"), "--json");
  EXPECT_FALSE(wants_help({"--", "--help"}));
  EXPECT_TRUE(wants_help({"x", "--help"}));
  EXPECT_EQ(parsed({"-"}).text("FILE"), "-");
}

TEST_F(ArgumentsTest, WhatIsNotAWholeFiniteNumberInRangeIsRefused) {
  for (const char* bad :
       {"", " 1", "1 ", "+1", "12abc", "abc", "0x10", "1e2", "1.5", "1,000", "9223372036854775808",
        "18446744073709551616", "nan", "inf", "0", "101", "-1", "--1", "1_000"}) {
    EXPECT_NE(refusal({std::string("--n-layer=") + bad}), "accepted") << "'" << bad << "'";
  }
  for (const char* bad :
       {"", "nan", "NaN", "inf", "-inf", "infinity", "1e999", "-1e999", "1e-999", "0,001", "abc",
        "12abc", "0x1p3", "1e", "e5", ".", "1.2.3", "--5", "1e5.5"}) {
    EXPECT_NE(refusal({std::string("--shift=") + bad}), "accepted") << "'" << bad << "'";
  }
  for (const char* good : {"0", "-0", "1e-3", ".5", "5.", "-1E+2", "1e308"}) {
    EXPECT_EQ(refusal({std::string("--shift=") + good}), "accepted") << "'" << good << "'";
  }
}

TEST_F(ArgumentsTest, ARefusalNamesTheFlagAsTypedTheValueAndWhatWouldDo) {
  EXPECT_EQ(refusal({"--n_layer=abc"}), "--n_layer: 'abc' is not a whole number from 1 to 100.");
  EXPECT_EQ(refusal({"--n-layer=0"}),
            "--n-layer: '0' is too small; it takes a whole number from 1 to 100.");
  EXPECT_EQ(refusal({"--lr=0,001"}),
            "--lr: '0,001' is not a number, at least 0. The decimal separator is a point: 0.001.");
  EXPECT_EQ(refusal({"--lr=nan"}), "--lr: 'nan' is not finite; it takes a number, at least 0.");
  EXPECT_EQ(refusal({"--engine=tenser"}),
            "--engine: 'tenser' is not one of scalar or tensor. Did you mean tensor?");
  EXPECT_EQ(refusal({"--engine", "quantum"}),
            "--engine: quantum is not part of this build; use scalar or tensor.");
  EXPECT_EQ(refusal({"--out="}), "--out is empty; it takes DIR.");
}

TEST_F(ArgumentsTest, AMissingValueIsNotTakenFromTheNextFlag) {
  EXPECT_EQ(refusal({"--n-layer"}), "--n-layer needs a value: a whole number from 1 to 100.");
  EXPECT_EQ(refusal({"--n-layer", "--json"}),
            "--n-layer needs a value: a whole number from 1 to 100.");
  EXPECT_EQ(refusal({"--engine"}), "--engine needs a value: scalar or tensor.");
  EXPECT_EQ(refusal({"-o"}), "-o needs a value DIR.");
}

TEST_F(ArgumentsTest, SayingItTwiceIsRefusedWhateverTheSpelling) {
  EXPECT_EQ(refusal({"--n-layer=1", "--n_layer=2"}), "--n_layer is given twice; say it once.");
  EXPECT_EQ(refusal({"--lr=1", "--learning-rate=1"}),
            "--learning-rate is given twice; say it once.");
  EXPECT_EQ(refusal({"--bias", "--no-bias"}), "--no-bias is given twice; say it once.");
}

TEST_F(ArgumentsTest, AnUnknownFlagGetsASuggestion) {
  EXPECT_EQ(refusal({"--n-layers=3"}),
            "unknown flag '--n-layers' for glass try: did you mean --n-layer?");
  EXPECT_EQ(refusal({"--learnig-rate", "3"}),
            "unknown flag '--learnig-rate' for glass try: did you mean --learning-rate?");
  EXPECT_EQ(refusal({"--zzzzzz"}), "unknown flag '--zzzzzz' for glass try: see glass try --help.");
  EXPECT_EQ(
      refusal({"--markdown"}),
      "unknown flag '--markdown' for glass try: it belongs to glass help; see glass try --help.");
  EXPECT_EQ(refusal({"--no-n-layer"}).substr(0, 27), "unknown flag '--no-n-layer'");
}

TEST_F(ArgumentsTest, OneOperandTooManyIsRefused) {
  EXPECT_EQ(
      refusal({"a", "b"}),
      "unexpected argument 'b': glass try has all its arguments already; see glass try --help.");
}

TEST_F(ArgumentsTest, TheCommandLineBeatsTheEnvironmentWhichBeatsTheDefault) {
  environment = {{"GLASS_N_LAYER", "3"}, {"GLASS_LEARNING_RATE", ""}};
  EXPECT_EQ(parsed({}).integer("n-layer"), 3);
  EXPECT_EQ(parsed({}).source("n-layer"), Source::environment);
  EXPECT_EQ(parsed({"--n-layer=9"}).integer("n-layer"), 9);
  EXPECT_EQ(parsed({}).number("learning-rate"), 1e-3) << "an empty variable is no value";
}

TEST_F(ArgumentsTest, AWrongVariableIsNamedInTheRefusal) {
  environment = {{"GLASS_N_LAYER", "many"}};
  EXPECT_EQ(refusal({}),
            "GLASS_N_LAYER (in the environment): 'many' is not a whole number from 1 to 100.");
}

TEST_F(ArgumentsTest, AStrongerSourceWinsWhateverTheOrder) {
  Arguments args(kCommand, "glass try");
  args.offer(kOptions[0], "5", Source::command_line, "--n-layer");
  args.offer(kOptions[0], "7", Source::preset, "preset");
  EXPECT_EQ(args.integer("n-layer"), 5);
  args.offer(kOptions[1], "2", Source::preset, "preset");
  args.offer(kOptions[1], "3", Source::config, "config");
  args.offer(kOptions[1], "4", Source::preset, "preset");
  EXPECT_EQ(args.number("learning-rate"), 3);
}

TEST_F(ArgumentsTest, AskingForWhatIsNotInTheTableIsABug) {
  EXPECT_THROW(parsed({}).integer("n-head"), Error);
  EXPECT_THROW(parsed({}).number("n-layer"), Error);
  EXPECT_THROW(parsed({}).number("shift"), Error) << "no default, not given";
}

TEST_F(ArgumentsTest, TheCommandLineIsKeptForResultsToCarry) {
  EXPECT_EQ(parsed({"--n-layer=2", "x"}).line(), "glass try --n-layer=2 x");
  // Who copies the command of a result runs what it says, and nothing that stands in its words.
  EXPECT_EQ(parsed({"it's <b> $(x)"}).line(), "glass try 'it'\\''s <b> $(x)'");
}

TEST_F(ArgumentsTest, AHugeNameIsQuotedShort) {
  const std::string message = refusal({"--" + std::string(100000, 'a')});
  EXPECT_LT(message.size(), 200u);
  EXPECT_EQ(refusal({"--\033[31mred"}).find('\033'), std::string::npos)
      << "control characters must not reach the terminal";
}

// Whatever the words, the parser either takes them or says one sentence; it never crashes and never
// says more.
TEST_F(ArgumentsTest, NoWordsBreakTheParser) {
  const std::vector<std::string> pieces = {"--",     "-",    "=",    "n-layer", "n_layer", "lr",
                                           "o",      "bias", "no-",  "json",    "engine",  "help",
                                           "tensor", "1",    "-1",   "1e9",     "nan",     "",
                                           " ",      "\n",   "\xff", "\xc3",    "'",       "file"};
  std::mt19937 random(20240607);
  int taken = 0, refused = 0;
  for (int round = 0; round < 20000; ++round) {
    std::vector<std::string> words(random() % 4);
    for (std::string& word : words) {
      for (std::size_t n = 1 + random() % 4; n > 0; --n) word += pieces[random() % pieces.size()];
    }
    const std::string message = refusal(words);
    ++(message == "accepted" ? taken : refused);
    ASSERT_EQ(message.find('\n'), std::string::npos) << message;
  }
  EXPECT_GT(taken, 1000);
  EXPECT_GT(refused, 1000);
}

TEST(Tables, EveryDefaultIsAValueItsOwnOptionAccepts) {
  for (const Named& named : runnable_commands())
    EXPECT_NO_THROW(Arguments(*named.command, named.path)) << named.path;
}

TEST(Tables, EverySpellingInACommandIsUnique) {
  for (const Named& named : runnable_commands()) {
    std::map<std::string, std::string> owner;
    for (const Option* o : options_of(*named.command)) {
      std::vector<std::string> names = other_spellings(*o);
      names.emplace_back(o->name);
      for (const std::string& name : names) {
        const auto [other, fresh] = owner.emplace(name, o->name);
        EXPECT_TRUE(fresh) << named.path << ": '" << name << "' means both --" << other->second
                           << " and --" << o->name;
      }
    }
  }
}

TEST(Tables, EveryOptionAndCommandExplainsItself) {
  for (const Named& named : runnable_commands()) {
    EXPECT_FALSE(named.command->summary.empty()) << named.path;
    EXPECT_FALSE(named.command->examples.empty()) << named.path << ": an example comes first";
    for (const Option* o : options_of(*named.command))
      EXPECT_FALSE(o->help.empty()) << named.path << " --" << o->name;
    for (const Option& o : named.command->operands)
      EXPECT_FALSE(o.help.empty()) << named.path << " " << o.name;
  }
}

// The words of a line as a shell would see them, up to where another program begins.
std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  std::istringstream stream{std::string(line)};
  for (std::string word; stream >> word && word != "|" && word != ">"; words.push_back(word)) {
    if (word.front() != '\'') continue;
    word.erase(0, 1);
    std::string rest;
    if (word.empty() || word.back() != '\'') std::getline(stream, rest, '\''), word += rest;
    else word.pop_back();
  }
  return words;
}

// An example in --help is a promise: it must at least parse.
TEST(Tables, EveryExampleOfGlassParses) {
  for (const Named& named : runnable_commands()) {
    for (const Example& example : named.command->examples) {
      std::vector<std::string> words = words_of(example.line);
      if (words.empty() || words[0] != "glass") continue;
      words.erase(words.begin());
      const Found found = find_command(words);
      words.erase(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(found.words));
      EXPECT_NO_THROW(parse(*found.command, found.path, words, lookup)) << example.line;
    }
  }
}

}   // namespace
}   // namespace glass
