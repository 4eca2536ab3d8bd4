// What a report is made of: every analysis is a row, and a page of it.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "interp/page/page.h"
#include "interp/specimen.h"

namespace glass {

// The model, and the text that the analyses of one text read.
struct ReportSubject {
  const Specimen& specimen;
  std::vector<std::int32_t> ids;
  // As they stand in the commands that make each page again: " --ckpt out/names", "--prompt anna".
  std::string model_options, text_options;
  std::string folder;    // of the run whose checkpoint this is, or ""
  std::string neurons;   // the file of a scan of its neurons, or ""
  std::string sae;       // the file of an autoencoder, or ""
};

struct ReportRow {
  const char* name;      // "attention": glass interp attention makes the page alone
  const char* options;   // behind --ckpt; "TEXT" stands for the options of the text
  Findings (*run)(const ReportSubject&);
  // Why there is nothing to compute, or "": what is known without trying.
  std::string (*missing)(const ReportSubject&);
};
std::span<const ReportRow> report_rows();

// The page of a row. What the model cannot have, or nobody made yet, is a page with the reason.
Findings report_page(const ReportRow& row, const ReportSubject& subject);

}   // namespace glass
