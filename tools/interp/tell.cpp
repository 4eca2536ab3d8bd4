// How an analysis is told at a terminal: as letters, as JSON, as a picture or a page. What asks for
// the figures themselves (tools/api) needs nothing of this.
#include "tools/interp/interp.h"
#include "tools/pages_html.h"
#include "tools/terminal.h"
#include "tools/text_options.h"

namespace glass {

ExitCode tell(const Arguments& args, const Findings& found) {
  if (args.has("png")) write_whole_file(args.text("png"), page_png(found.page));
  if (args.has("html")) write_whole_file(args.text("html"), pages_html(found.page.title, {found}));
  if (args.flag("json")) {
    print(found.json + "\n");
  } else {
    const auto colour =
        wants_colour(stdout) ? PageTextOptions::Colour::ansi : PageTextOptions::Colour::none;
    print(page_text(found.page, {terminal_width(stdout), colour}));
  }
  return ExitCode::ok;
}

ExitCode run_analysis(const Arguments& args) {
  return tell(args, args.command().find(args, open_specimen(args)));
}

}   // namespace glass
