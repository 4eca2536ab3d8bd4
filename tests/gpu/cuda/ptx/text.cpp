#include "tests/gpu/cuda/ptx/text.h"

#include <algorithm>
#include <cctype>

namespace glass::test::ptx {
namespace {

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$' || c == '%' ||
         c == '.';
}

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts(1);
  for (const char c : text)
    if (c == at) parts.emplace_back();
    else parts.back() += c;
  return parts;
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  ModuleText module() {
    ModuleText m;
    while (skip_space()) {
      if (starts(".visible") || starts(".entry")) m.kernels.push_back(kernel());
      else if (starts(".global") || starts(".const") || starts(".shared"))
        m.globals.push_back(variable(until(';')));
      else if (starts(".extern")) external(m, until(';'));
      else if (starts(".version") || starts(".target") || starts(".address_size") ||
               starts(".file"))
        until('\n');
      else fail("unknown at the top of a module: " + until('\n'));
    }
    return m;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Unreadable("PTX line " + std::to_string(line_) + ": " + what);
  }
  bool more() const { return at_ < text_.size(); }
  bool starts(std::string_view word) const { return text_.substr(at_, word.size()) == word; }
  char next() {
    if (!more()) fail("the text ends too soon");
    if (text_[at_] == '\n') ++line_;
    return text_[at_++];
  }
  // To the next character that says something; false at the end.
  bool skip_space() {
    while (more()) {
      if (starts("//"))
        while (more() && text_[at_] != '\n') next();
      else if (std::isspace(static_cast<unsigned char>(text_[at_]))) next();
      else return true;
    }
    return false;
  }
  // The text before the next `end`, which is eaten; one space for any.
  std::string until(char end) {
    std::string text;
    for (;;) {
      if (!more() && end == '\n') return text;
      if (starts("//")) {
        while (more() && text_[at_] != '\n') next();
        continue;
      }
      const char c = next();
      if (c == end) return text;
      const bool space = std::isspace(static_cast<unsigned char>(c));
      if (!space) text += c;
      else if (!text.empty() && text.back() != ' ') text += ' ';
    }
  }

  // .shared .align 16 .b8 name[4352] = {1, 2}
  Variable variable(const std::string& text) const {
    Variable v;
    const std::vector<std::string> words = split(text.substr(0, text.find('=')), ' ');
    v.space = words.front().substr(1);
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (words[i] == ".align") v.align = static_cast<std::uint32_t>(std::stoul(words[i + 1]));
      if (const std::size_t bracket = words[i].find('['); bracket != std::string::npos) {
        v.name = words[i].substr(0, bracket);
        v.bytes = static_cast<std::uint32_t>(std::stoul(words[i].substr(bracket + 1)));
        if (words[i - 1] != ".b8") fail("only arrays of .b8 are known, not " + text);
      }
    }
    if (v.name.empty()) fail("a variable that is no array: " + text);
    if (const std::size_t equals = text.find('{'); equals != std::string::npos)
      for (const std::string& number : split(text.substr(equals + 1), ','))
        v.initial.push_back(static_cast<std::uint8_t>(std::stoul(number)));
    return v;
  }

  // .extern .shared .align 1024 .b8 name[]
  void external(ModuleText& m, const std::string& text) const {
    const std::vector<std::string> words = split(text, ' ');
    if (words.size() < 6 || words[1] != ".shared" || !m.extern_shared.empty())
      fail("an external that is not known here: " + text);
    m.extern_align = static_cast<std::uint32_t>(std::stoul(words[3]));
    m.extern_shared = words[5].substr(0, words[5].find('['));
  }

  KernelText kernel() {
    KernelText k;
    const std::string head = until('(');
    const std::vector<std::string> words = split(head, ' ');
    k.name = words.back().empty() ? words[words.size() - 2] : words.back();
    const std::string parameters = until(')');   // .param .align 8 .b8 name[32]
    if (std::count(parameters.begin(), parameters.end(), ',') > 0)
      fail("a kernel takes one struct: " + k.name);
    const std::size_t bracket = parameters.find('[');
    if (bracket == std::string::npos) fail("a kernel takes a struct: " + k.name);
    k.parameter = parameters.substr(parameters.rfind(' ', bracket) + 1,
                                    bracket - parameters.rfind(' ', bracket) - 1);
    k.parameter_bytes = static_cast<std::uint32_t>(std::stoul(parameters.substr(bracket + 1)));
    const std::string directives = until('{');
    for (const char* directive : {".maxntid ", ".reqntid "})
      if (const std::size_t at = directives.find(directive); at != std::string::npos)
        k.threads = static_cast<std::uint32_t>(std::stoul(directives.substr(at + 9)));
    for (int depth = 1; depth > 0;) {
      if (!skip_space()) fail("a kernel has no end");
      if (starts("{")) next(), ++depth;
      else if (starts("}")) next(), --depth;
      else statement(k);
    }
    return k;
  }

  void statement(KernelText& k) {
    const int line = line_;
    if (starts(".loc ") || starts(".loc\t") || starts(".file")) {
      until('\n');
      return;
    }
    std::size_t end = at_;
    while (end < text_.size() && is_word(text_[end])) ++end;
    if (end < text_.size() && text_[end] == ':' && text_[at_] != '.' &&
        text_.substr(end, 2) != "::") {   // a label
      Statement label;
      label.line = line;
      label.label = std::string(text_.substr(at_, end - at_));
      at_ = end + 1;
      k.statements.push_back(label);
      return;
    }
    const std::string text = until(';');
    if (text.rfind(".reg", 0) == 0) registers(k, text);
    else if (text.rfind(".shared", 0) == 0 || text.rfind(".local", 0) == 0)
      k.variables.push_back(variable(text));
    else if (text.rfind(".pragma", 0) == 0) return;
    else if (text[0] == '.') fail("an unknown directive: " + text);
    else k.statements.push_back(instruction(text, line));
  }

  void registers(KernelText& k,
                 const std::string& text) {   // .reg .b32 %r<1723>, or a list of names
    const std::size_t type = text.find('.', 1), space = text.find(' ', type);
    for (std::string name : split(text.substr(space + 1), ',')) {
      name.erase(std::remove(name.begin(), name.end(), ' '), name.end());
      std::string& known = k.registers[name.substr(0, name.find('<'))];
      const std::string said = text.substr(type + 1, space - type - 1);
      if (!known.empty() && known != said) fail("two registers of one name and two types: " + name);
      known = said;
    }
  }

  Statement instruction(std::string text, int line) const {
    Statement s;
    s.line = line;
    if (text[0] == '@') {
      const std::size_t space = text.find(' ');
      s.unless = text[1] == '!';
      s.guard = text.substr(s.unless ? 2 : 1, space - (s.unless ? 2 : 1));
      text = text.substr(space + 1);
    }
    const std::size_t space = text.find(' ');
    s.name = split(text.substr(0, space), '.');
    if (space == std::string::npos) return s;
    int depth = 0;
    s.operands.emplace_back(1);
    for (const char c : text.substr(space + 1)) {
      if (c == ' ') continue;
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') --depth;
      if (c == '{' || c == '}') continue;
      if (c == ',' && depth == 0) s.operands.emplace_back(1);
      else if (c == ',' || c == '|') s.operands.back().emplace_back();
      else s.operands.back().back() += c;
    }
    return s;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int line_ = 1;
};

}   // namespace

bool Statement::has(std::string_view part) const {
  return std::find(name.begin(), name.end(), part) != name.end();
}

ModuleText read(std::string_view ptx) { return Reader(ptx).module(); }

}   // namespace glass::test::ptx
