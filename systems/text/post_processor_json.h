// Reads the post_processor of a tokenizer.json: TemplateProcessing or BertProcessing, for single texts.
//
// For: tokenizer_json.cc alone. The pair template is not looked at.
#ifndef STRATA_SYSTEMS_TEXT_POST_PROCESSOR_JSON_H_
#define STRATA_SYSTEMS_TEXT_POST_PROCESSOR_JSON_H_

#include "absl/status/status.h"
#include "systems/text/json_fields.h"
#include "systems/text/tokenizer_config.h"

namespace strata::text {

// Leaves config->post_processor as it is where the file has none.
void ReadPostProcessor(const JsonFields& file, absl::Status* status, TokenizerConfig* config);

}  // namespace strata::text

#endif  // STRATA_SYSTEMS_TEXT_POST_PROCESSOR_JSON_H_
