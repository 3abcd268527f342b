// A bundle as one text of sections, for fuzzing: manifest, plan and weights' header with NUL bytes between them.
//
//   LoadAndRunSections(MutateSections(text, seed));   // must come back, whatever the text says
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace strata::runtime {

// Loads the bundle and runs each entry point that it has once, at small dims. Dies where a bundle that loads does not
// say what memory it takes, or an output is not readable.
// True if it loaded.
bool LoadAndRunSections(std::string_view text);

// The text with one to four changes to its sections.
std::string MutateSections(std::string_view text, uint32_t seed);

}  // namespace strata::runtime
