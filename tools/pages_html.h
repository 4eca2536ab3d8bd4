// Results as one HTML file that opens from a disk and fetches nothing: the figures as JSON, and the
// very modules of the dashboard (tools/web) that draw them. Without JavaScript it is a page of
// text.
#pragma once
#include <string>
#include <vector>

#include "interp/page/page.h"

namespace glass {

std::string pages_html(const std::string& title, const std::vector<Findings>& pages);

}   // namespace glass
