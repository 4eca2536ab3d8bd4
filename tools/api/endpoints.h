// The functions behind the table of endpoints, by the file that holds them.
#pragma once
#include "tools/api/api.h"
#include "tools/api/session.h"

namespace glass {

class Json;

// model.cpp
Answer api_status(Session& session, const Call& call);
Answer api_model(Session& session, const Call& call);
Answer api_param(Session& session, const Call& call);
Answer api_tokenize(Session& session, const Call& call);
// models.cpp
Answer api_models(Session& session, const Call& call);
Answer api_open(Session& session, const Call& call);
// forward.cpp
Answer api_forward(Session& session, const Call& call);
// tape.cpp
Answer api_tape(Session& session, const Call& call);
// generate.cpp
void api_generate(Session& session, const Call& call, Events& events);
// analyses.cpp
Answer api_analyses(Session& session, const Call& call);
Answer api_interp(Session& session, const Call& call);
void api_interp_stream(Session& session, const Call& call, Events& events);
// run_endpoints.cpp
Answer api_runs(Session& session, const Call& call);
Answer api_run(Session& session, const Call& call);
Answer api_metrics(Session& session, const Call& call);
Answer api_samples(Session& session, const Call& call);
void put_run(Json& json, Session& session, const RunPlace& run);   // fields of an open object
// train.cpp
Answer api_training(Session& session, const Call& call);
Answer api_train(Session& session, const Call& call);
void api_train_stream(Session& session, const Call& call, Events& events);
// reference.cpp
Answer api_health(Session& session, const Call& call);
Answer reference_forward(Session& session, const Call& call);
Answer api_attention(Session& session, const Call& call);
Answer api_logit_lens(Session& session, const Call& call);
Answer api_neurons(Session& session, const Call& call);
Answer api_neuron(Session& session, const Call& call);
Answer api_ablate(Session& session, const Call& call);
Answer api_induction_scan(Session& session, const Call& call);
// micro.cpp
Answer api_micro(Session& session, const Call& call);
// source.cpp
Answer api_source(Session& session, const Call& call);
// What api_source is asked for, as fields "code" of an open object: where an analysis is computed,
// its own function first, and where a tensor of a model is made.
void put_code_of_analysis(Json& json, std::string_view analysis);
void put_code_of_tensor(Json& json, const std::string& name);
// openapi.cpp
Answer api_openapi(Session& session, const Call& call);

}   // namespace glass
