// Stands for Emscripten's header where the page's program is built for this machine.
#pragma once

#define EMSCRIPTEN_KEEPALIVE
// The JavaScript of a function is said by a function of page_here.cpp instead.
#define EM_JS(result, function, parameters, ...) \
  result function parameters { return heard_here(name, json); }
int heard_here(const char* name, const char* json);
