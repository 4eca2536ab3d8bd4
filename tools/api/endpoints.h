// The functions behind the table of endpoints, by the file that holds them.
#pragma once
#include "tools/api/api.h"
#include "tools/api/session.h"

namespace glass {

// model.cpp
Answer api_status(Session& session, const Call& call);
Answer api_model(Session& session, const Call& call);
Answer api_tokenize(Session& session, const Call& call);
// analyses.cpp
Answer api_analyses(Session& session, const Call& call);
Answer api_interp(Session& session, const Call& call);
// micro.cpp
Answer api_micro(Session& session, const Call& call);
// source.cpp
Answer api_source(Session& session, const Call& call);
// openapi.cpp
Answer api_openapi(Session& session, const Call& call);

}   // namespace glass
