// What flowed through the model while it read a text, kept by name: a table of it, or a file for
// other programs.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "interp/activations.h"
#include "interp/page/page.h"
#include "interp/specimen.h"

namespace glass {

struct CacheOptions {
  std::vector<std::string> names = {"*"};   // patterns; each must mean something
};

struct CacheResult {
  Provenance from;
  std::vector<std::string> tokens;
  std::vector<std::int32_t> ids;
  struct Entry {
    std::string name;
    std::vector<std::int64_t> shape;
    double mean = 0, deviation = 0, low = 0, high = 0;   // of the finite numbers; NaN without any
  };
  std::vector<Entry> entries;   // in the order in which they came about
  Activations kept;
};

CacheResult cache_of(const Specimen& specimen, std::span<const std::int32_t> ids,
                     const CacheOptions& options = {});
// All of it as a safetensors file, under the same names, with where it is from as its notes. The
// file is there whole or not at all.
void save_cache(const std::string& path, const CacheResult& result);

Page page_of(const CacheResult& result);
void put(Json& json, const CacheResult& result);

}   // namespace glass
