// glass bench: that it leaves no kernel out, says what scripts rely on, and refuses what it cannot
// measure. How fast anything is, no test says.
#include "tools/bench.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "engine/base/json_value.h"
#include "kernels/backends.h"
#include "tests/tools/process.h"

namespace glass::test {
namespace {

// The kernels that kernels/backend.h declares, memory and names aside.
std::set<std::string> kernels_of_a_backend() {
  std::ifstream file(std::string(GLASS_SOURCE_DIR) + "/kernels/backend.h");
  std::stringstream text;
  text << file.rdbuf();
  const std::string source = text.str();
  const std::string kernels = source.substr(source.find("// primitives"));
  const std::regex declaration("virtual void ([a-z_]+)\\(");
  std::set<std::string> names;
  for (std::sregex_iterator it(kernels.begin(), kernels.end(), declaration), end; it != end; ++it)
    names.insert((*it)[1]);
  return names;
}

TEST(BenchOps, LeavesNoKernelOfTheBackendOut) {
  std::set<std::string> timed;
  for (const BenchCase& one : bench_cases()) timed.insert(one.name.substr(0, one.name.find(',')));
  const std::set<std::string> kernels = kernels_of_a_backend();
  EXPECT_GE(kernels.size(), 25u);
  for (const std::string& kernel : kernels)
    EXPECT_TRUE(timed.count(kernel)) << kernel << " is not timed";
  for (const std::string& name : timed) EXPECT_TRUE(kernels.count(name)) << name << " is no kernel";
}

TEST(BenchOps, CountsTheWorkOfAttentionOverTheKeysThatAreSeen) {
  // Three queries see 1, 2 and 3 keys: 6 pairs, 4 D operations each.
  const std::vector<BenchCase> cases = attention_cases(1, 1, 3, 5);
  ASSERT_EQ(cases.size(), 2u);
  EXPECT_EQ(cases[0].flops, 6 * 4 * 5);
  EXPECT_EQ(cases[1].flops, 6 * 10 * 5);
}

TEST(BenchOps, EveryCaseRunsOnTheReference) {
  const std::unique_ptr<Backend> backend = make_backend("reference", "auto", 1);
  for (const auto& cases : {product_cases(3, 4, 5), attention_cases(1, 2, 3, 4)}) {
    for (const BenchCase& one : cases) {
      Operands operands(*backend);
      one.prepare(operands)();
    }
  }
}

TEST(BenchOps, TellsScriptsWhatTheyRelyOn) {
  const Outcome outcome = glass({"bench", "ops", "--product", "5x4x3", "--json", "--threads", "1"});
  EXPECT_EQ(outcome.code, 0) << outcome.text();
  for (const char* key : {"name", "ms", "gflops", "gbps", "fraction_of_peak", "peaks"}) {
    EXPECT_NE(outcome.out.find("\"" + std::string(key) + "\": "), std::string::npos)
        << key << " is missing\n"
        << outcome.out;
  }
  for (const char* name : {"linear", "matmul, dx", "matmul, dw"}) {
    EXPECT_NE(outcome.out.find("\"name\": \"" + std::string(name) + "\", \"shape\": \"5x4x3\""),
              std::string::npos)
        << outcome.out;
  }
}

TEST(Bench, AMedianOfAnEvenCountLiesBetweenTheTwoInTheMiddle) {
  EXPECT_EQ(median({3}), 3);
  EXPECT_EQ(median({9, 1}), 5);
  EXPECT_EQ(median({4, 1, 8}), 4);
  EXPECT_EQ(median({7, 1, 2, 100}), 4.5);
}

TEST(BenchDecode, TellsScriptsWhatTheyRelyOn) {
  const Outcome outcome = glass({"bench", "decode", "--preset", "names", "--type", "int8", "--tokens", "3",
                                 "--past", "4", "--prompt", "5", "--json", "--threads", "1"});
  EXPECT_EQ(outcome.code, 0) << outcome.text();
  for (const char* key : {"name", "type", "ms", "gflops", "gbps", "fraction_of_peak", "tokens_per_second",
                          "megabytes", "peak_gflops", "peak_gbps"}) {
    EXPECT_NE(outcome.out.find("\"" + std::string(key) + "\": "), std::string::npos)
        << key << " is missing\n"
        << outcome.out;
  }
  for (const char* name : {"decode, int8", "prefill, int8"})
    EXPECT_NE(outcome.out.find("\"name\": \"" + std::string(name) + "\""), std::string::npos) << outcome.out;
}

TEST(BenchDecode, RefusesWhatItCannotMeasure) {
  const struct {
    std::vector<std::string> words;
    const char* says;
  } refused[] = {{{"--type", "int3"}, "--type"},
                 {{"--preset", "bigram"}, "nothing to pack"},
                 {{"--preset", "names", "--ckpt", "somewhere"}, "leave one of them out"}};
  for (const auto& one : refused) {
    std::vector<std::string> words = {"bench", "decode"};
    words.insert(words.end(), one.words.begin(), one.words.end());
    const Outcome outcome = glass(words);
    EXPECT_EQ(outcome.code, 2) << outcome.text();
    EXPECT_EQ(outcome.out, "") << "a refused command must not print results";
    EXPECT_NE(outcome.err.find(one.says), std::string::npos) << outcome.text();
  }
}

TEST(BenchSteps, TimesFourKernelsOnAGpuAndRefusesAProcessor) {
  const Outcome outcome =
      glass({"bench", "steps", "--device", "emulator", "--size", "20", "--json"});
  EXPECT_EQ(outcome.code, 0) << outcome.text();
  const JsonValue json = parse_json(outcome.out, "the output");
  const std::vector<JsonValue>& rows = json.at("rows", "top").items;
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[0].at("name", "row").string("name"), "matmul_naive");
  for (const JsonValue& row : rows) EXPECT_GT(row.at("gflops", "row").number("gflops"), 0);
  const Outcome refused = glass({"bench", "steps", "--device", "cpu"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_NE(refused.err.find("choose --device emulator"), std::string::npos) << refused.text();
}

TEST(BenchPeak, TellsScriptsWhatTheyRelyOn) {
  const Outcome outcome = glass({"bench", "peak", "--json", "--isa", "scalar", "--threads", "1"});
  EXPECT_EQ(outcome.code, 0) << outcome.text();
  EXPECT_TRUE(std::regex_search(outcome.out, std::regex("\"peak_gflops\": [0-9.]*[1-9]")))
      << outcome.out;
  EXPECT_TRUE(std::regex_search(outcome.out, std::regex("\"peak_gbps\": [0-9.]*[1-9]")))
      << outcome.out;
  const JsonValue json = parse_json(outcome.out, "the output");
  const std::vector<JsonValue>& rows = json.at("rows", "top").items;
  ASSERT_EQ(rows.size(), 1u) << "an instruction set that was asked for stands alone";
  EXPECT_EQ(rows[0].at("isa", "row").string("isa"), "scalar");
  EXPECT_EQ(rows[0].at("bf16_gflops", "row").number("bf16"), 0) << "scalar has no such instruction";
  EXPECT_GT(rows[0].at("read_gbps", "row").number("read"), 0);
  for (const JsonValue& cache : json.at("caches", "top").items)
    EXPECT_GT(cache.at("read_gbps", "cache").number("read"), 0);
}

// A BLAS for C that happens to be installed; "" where none is.
std::string some_blas() {
  for (const char* name : {"libopenblas.so.0", "libblas.so.3", "libdnnl.so.2", "libdnnl.so.3"}) {
    if (void* handle = ::dlopen(name, RTLD_NOW | RTLD_LOCAL)) {
      ::dlclose(handle);
      return name;
    }
  }
  return "";
}

TEST(BenchPeer, RacesOnEveryLayoutAndSaysTheRatios) {
  const std::string blas = some_blas();
  if (blas.empty()) GTEST_SKIP() << "no BLAS is installed";
  const Outcome outcome =
      glass({"bench", "ops", "--peer", blas, "--product", "5x4x3", "--threads", "1", "--json"});
  ASSERT_EQ(outcome.code, 0) << outcome.text();
  const JsonValue json = parse_json(outcome.out, "the output");
  EXPECT_GT(json.at("geometric_mean", "top").number("mean"), 0);
  const std::vector<JsonValue>& rows = json.at("rows", "top").items;
  ASSERT_EQ(rows.size(), 3u) << outcome.out;
  const char* const names[] = {"y = x w^T", "dx = dy w", "dw += dy^T x"};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i].at("name", "row").string("name"), names[i]);
    EXPECT_EQ(rows[i].at("shape", "row").string("shape"), "5x4x3");
    EXPECT_EQ(rows[i].at("ratios", "row").items.size(), 1u);
    for (const char* key : {"ms", "gflops", "fraction_of_peak"})
      EXPECT_GT(rows[i].at(key, "row").number(key), 0) << key;
  }
}

TEST(BenchPeer, RefusesWhatIsNoBlas) {
  const struct {
    std::vector<std::string> words;
    int code;
    const char* says;
  } refused[] = {
      {{"--peer", "libnobody-has-this.so"}, 4, "cannot load"},
      {{"--peer", "libm.so.6"}, 3, "neither cblas_sgemm"},
      {{"--peer", "libm.so.6", "--device", "reference"}, 2, "cpu device"},
      {{"--peer", "libm.so.6", "--compare", "scalar,scalar"}, 2, "--compare"},
  };
  for (const auto& one : refused) {
    std::vector<std::string> words = {"bench", "ops"};
    words.insert(words.end(), one.words.begin(), one.words.end());
    const std::string error = error_of(glass(words), one.code);
    EXPECT_NE(error.find(one.says), std::string::npos) << error;
  }
}

TEST(BenchOps, RefusesWhatItCannotMeasure) {
  const struct {
    std::vector<std::string> words;
    const char* says;
  } refused[] = {
      {{"--filter", "nothing like it"}, "no case has"},
      {{"--product", "2x3"}, "needs 3 sizes"},
      {{"--product", "2x3x-4"}, "needs 3 sizes"},
      {{"--product", "2x3xx"}, "needs 3 sizes"},
      {{"--attention", "1x2x3"}, "needs 4 sizes"},
      {{"--product", "4x4x4", "--compare", "scalar"}, "two instruction sets"},
      {{"--product", "4x4x4", "--compare", "scalar,abacus"}, "abacus"},
      {{"--product", "4x4x4", "--compare", "scalar,scalar", "--device", "reference"}, "cpu device"},
  };
  for (const auto& one : refused) {
    std::vector<std::string> words = {"bench", "ops"};
    words.insert(words.end(), one.words.begin(), one.words.end());
    const Outcome outcome = glass(words);
    EXPECT_EQ(outcome.code, 2) << outcome.text();
    EXPECT_EQ(outcome.out, "") << "a refused command must not print results";
    EXPECT_NE(outcome.err.find(one.says), std::string::npos) << outcome.text();
  }
}

}   // namespace
}   // namespace glass::test
