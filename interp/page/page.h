// A page of results: what an analysis has to show, said once. The same page becomes letters in a
// terminal, a PNG, and JSON that a browser draws, so that all three show the same numbers.
//
// A page is a list of figures (interp/draw/figure.h); each is plain data. Results do not draw: they
// fill these in.
#pragma once
#include <string>
#include <vector>

#include "interp/draw/figure.h"
#include "interp/specimen.h"

namespace glass {

struct Page {
  std::string name;    // "attention": an id for links
  std::string title;   // "Where the heads look"
  Provenance from;
  std::vector<Figure> figures = {};

  template <class Kind>
  Page& add(Kind figure) {
    figures.emplace_back(std::move(figure));
    return *this;
  }
};

struct PageTextOptions {
  int columns = 80;
  enum class Colour : std::uint8_t { none, ansi } colour = Colour::none;
};
std::string page_text(const Page& page, const PageTextOptions& options = {});

// All figures below one another. A page that would need more pixels than people can look at is
// drawn at a smaller scale; what does not fit even then is left out, and said so.
std::string page_png(const Page& page, double scale = 2);
// The same on any surface, at most `tallest` high; returns how high it became.
inline constexpr double kPageWidth = 820;
double draw_page(const Page& page, Surface& surface, double tallest);

// What an analysis found: for people, and the same for programs.
struct Findings {
  Page page;
  std::string json;   // one object, which says where it is from
};

// A result as findings: what page_of() and put() say about it.
template <class Result>
Findings findings(const Result& result) {
  Json json;
  begin(json, result.from);
  put(json, result);
  json.end();
  return {page_of(result), json.text()};
}

// "step 1500, digest 00ff, seed 1337, out/names": where a page is from, in a line.
std::string from_words(const Provenance& from);

}   // namespace glass
