// Pages as one HTML file that needs nothing else: no font, script or picture is fetched, and its
// policy forbids it. Words of a stranger's tokenizer are escaped wherever they stand.
#include <set>

#include "engine/base/base64.h"
#include "engine/base/sha256.h"
#include "engine/base/text.h"
#include "interp/draw/svg.h"
#include "interp/page/figure_html.h"
#include "interp/page/html_style.h"
#include "interp/page/page.h"

namespace glass {
namespace {

// The policy names the one script that may run.
std::string sha256_base64(const std::string& text) {
  Sha256 sha;
  sha.add({reinterpret_cast<const std::byte*>(text.data()), text.size()});
  const std::string hex = sha.hex();
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    bytes += static_cast<char>(16 * digit(hex[i]) + digit(hex[i + 1]));
  return base64(bytes);
}

// Inside of a script element only "<" can end it, and JSON has it only in strings.
std::string json_in_html(const std::string& json) {
  std::string out;
  for (const char c : json) {
    if (c == '<') out += "\\u003c";
    else if (c == '>') out += "\\u003e";
    else if (c == '&') out += "\\u0026";
    else out += c;
  }
  return out;
}

std::string plain_id(const std::string& name, std::set<std::string>& taken) {
  std::string id;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    id += plain ? c : '-';
  }
  if (id.empty()) id = "page";
  std::string unique = id;
  for (int i = 2; !taken.insert(unique).second; ++i) unique = id + "-" + std::to_string(i);
  return unique;
}

// Numbers beyond this stay out: a page of 88 MB opens nowhere.
constexpr std::size_t kMostData = std::size_t{4} << 20;

std::string footer_of(const Page& page, const std::string& id, std::size_t data) {
  std::string out = "<footer>" + xml_text(from_words(page.from));
  if (!page.from.command.empty())
    out += "\n<code id=\"" + id + "-command\">" + xml_text(page.from.command) + "</code>" +
           "<button type=\"button\" data-copy=\"" + id +
           "-command\" hidden>copy the command</button>";
  if (data > kMostData)
    out += "<p>The numbers take " + human_bytes(static_cast<double>(data)) +
           " as JSON, too much for a page; the command prints them with --json.</p>";
  else if (data > 0)
    out += "<button type=\"button\" data-save=\"" + id +
           "-data\" hidden>save the numbers (JSON)</button>";
  return out + "</footer>\n";
}

std::string head_of(const std::string& title) {
  return "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
         "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
         "style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
         "script-src 'sha256-" +
         sha256_base64(kPageScript) +
         "'\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>" +
         xml_text(title) + "</title>\n<style>" + kPageStyle + "</style>\n</head>\n<body>\n";
}

}   // namespace

std::string pages_html(const std::string& title, const std::vector<Findings>& pages) {
  std::set<std::string> taken = {"tip"};
  std::vector<std::string> ids;
  for (const Findings& each : pages) ids.push_back(plain_id(each.page.name, taken));
  const bool alone = pages.size() == 1;
  std::string out = head_of(title) + "<header><h1>" +
                    xml_text(alone ? pages.front().page.title : title) + "</h1>\n";
  if (!alone) {
    out += "<nav aria-label=\"pages\"><ul>\n";
    for (std::size_t i = 0; i < pages.size(); ++i)
      out += "<li><a href=\"#" + ids[i] + "\">" + xml_text(pages[i].page.title) + "</a></li>\n";
    out += "</ul></nav>";
  }
  out += "</header>\n<main>\n";
  for (std::size_t i = 0; i < pages.size(); ++i) {
    const auto& [page, json] = pages[i];
    out += "<section id=\"" + ids[i] + "\">\n";
    if (!alone) out += "<h2>" + xml_text(page.title) + "</h2>\n";
    for (const Figure& figure : page.figures) out += figure_html(figure);
    out += footer_of(page, ids[i], json.size());
    if (!json.empty() && json.size() <= kMostData)
      out += "<script type=\"application/json\" id=\"" + ids[i] + "-data\">" + json_in_html(json) +
             "</script>\n";
    out += "</section>\n";
  }
  return out + "</main>\n<div id=\"tip\" role=\"status\" hidden></div>\n<script>" + kPageScript +
         "</script>\n</body>\n</html>\n";
}

}   // namespace glass
