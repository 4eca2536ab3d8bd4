// Asks the API as a page would, without a server between.
#pragma once
#include <string>

#include "engine/base/json_value.h"
#include "tools/api/api.h"
#include "tools/api/session.h"

namespace glass::test {

// A session over a model by name ("handmade:induction"), on one thread.
Session& session_of(const std::string& ckpt);

// `body`: JSON, or "". The path may carry a query.
Answer asked(Session& session, const std::string& method, const std::string& path,
             const std::string& body = "");
// The same, whose answer must have that status and be JSON.
JsonValue told(Session& session, const std::string& method, const std::string& path,
               const std::string& body = "", int status = 200);

}   // namespace glass::test
