// Words of a stranger's tokenizer are escaped wherever they stand; and would one of them become a
// script all the same, the policy of the file still lets none run but its own.
#include "tools/pages_html.h"

#include <set>

#include "engine/base/sha256.h"
#include "engine/base/text.h"
#include "interp/draw/svg.h"
#include "interp/page/page_json.h"
#include "tools/web_files.h"
#include "tools/web_modules.h"

namespace glass {
namespace {

// Numbers beyond this stay out: a page of 88 MB opens nowhere.
constexpr std::size_t kMostData = std::size_t{4} << 20;

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

std::string data_element(const std::string& id, const std::string& json) {
  return "<script type=\"application/json\" id=\"" + id + "\">" + json_in_html(json) +
         "</script>\n";
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

// What report.js turns into figures: the page as text, the same as JSON, and the numbers to save.
std::string section_of(const Findings& found, const std::string& id, bool alone) {
  const auto& [page, numbers] = found;
  std::string out = "<section id=\"" + id + "\" aria-label=\"" + xml_text(page.title) + "\">\n";
  if (!alone) out += "<h2>" + xml_text(page.title) + "</h2>\n";
  out += "<div class=\"plain\"><pre tabindex=\"0\">" + xml_text(page_text(page)) + "</pre>\n";
  out += "<p class=\"command\"><code>" + xml_text(page.from.command) + "</code></p></div>\n";
  out += data_element(id + "-page", page_json(page));
  if (numbers.size() > kMostData)
    out += "<p class=\"remark\">The numbers take " +
           human_bytes(static_cast<double>(numbers.size())) +
           " as JSON, too much for a page; the command prints them with --json.</p>\n";
  else if (!numbers.empty()) out += data_element(id + "-data", numbers);
  return out + "</section>\n";
}

// A word that only this file knows: it stands on the scripts of the file, and the policy lets no
// other script run. Who wrote a token could not know a digest of all that was found.
std::string password_of(const std::string& body) {
  Sha256 sha;
  sha.add({reinterpret_cast<const std::byte*>(body.data()), body.size()});
  return sha.hex();
}

std::string head_of(const std::string& title, const std::string& password) {
  const std::string known = "'nonce-" + password + "'";
  return "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
         "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src " +
         known + "; style-src " + known +
         "; img-src data:; base-uri 'none'; form-action 'none'\">\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
         "<meta name=\"color-scheme\" content=\"light dark\">\n<title>" +
         xml_text(title) + "</title>\n<style nonce=\"" + password + "\">\n" +
         web_file("/style.css").value().bytes + "</style>\n<script type=\"importmap\" nonce=\"" +
         password + "\">" + import_map("report.js") +
         "</script>\n<script type=\"module\" nonce=\"" + password +
         "\">import 'glass/report.js';</script>\n</head>\n";
}

}   // namespace

std::string pages_html(const std::string& title, const std::vector<Findings>& pages) {
  const bool alone = pages.size() == 1;
  std::set<std::string> taken = {"tip", "said", "main"};
  std::string links, sections;
  for (const Findings& found : pages) {
    const std::string id = plain_id(found.page.name, taken);
    links += "<li><a href=\"#" + id + "\">" + xml_text(found.page.title) + "</a></li>\n";
    sections += section_of(found, id, alone);
  }
  const std::string from = pages.empty() ? "" : xml_text(from_words(pages.front().page.from));
  std::string body = std::string("<body class=\"report") + (alone ? " alone" : "") +
                     "\">\n<a class=\"skip\" href=\"#main\">to the content</a>\n"
                     "<header class=\"top\"><span class=\"brand\">Glassbox</span>"
                     "<p class=\"model\">" +
                     from + "</p></header>\n";
  if (!alone)
    body += "<nav class=\"pages\" aria-label=\"Pages\"><div><ul>\n" + links + "</ul></div></nav>\n";
  body += "<main id=\"main\" tabindex=\"-1\">\n<h1>" +
          xml_text(alone ? pages.front().page.title : title) + "</h1>\n" + sections +
          "</main>\n<div id=\"tip\" role=\"presentation\" hidden></div>\n"
          "<p class=\"unseen\" id=\"said\" aria-live=\"polite\"></p>\n</body>\n</html>\n";
  return head_of(title, password_of(body)) + body;
}

}   // namespace glass
