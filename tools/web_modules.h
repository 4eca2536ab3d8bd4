// Modules of the page inside of one file. There they cannot load each other by path, so each
// becomes a data: address in an import map, and './dom.js' the name 'glass/dom.js' in that map. The
// page without a server is made in the same way (tools/wasm/page.py).
#pragma once
#include <string>

namespace glass {

// {"imports": {"glass/report.js": "data:...", ...}}: the module and all that it needs.
std::string import_map(const std::string& module);

}   // namespace glass
