// What must hold for any bytes given to ParseInferRequest; shared by the fuzz targets.
#ifndef STRATA_SYSTEMS_PROTOCOL_INFER_FUZZ_CHECK_H_
#define STRATA_SYSTEMS_PROTOCOL_INFER_FUZZ_CHECK_H_

#include <cstddef>
#include <optional>
#include <string_view>

namespace strata::protocol {

// Ends the process with a message if something does not hold.
void CheckInferRequest(std::string_view body, std::optional<size_t> json_bytes);

}  // namespace strata::protocol

#endif  // STRATA_SYSTEMS_PROTOCOL_INFER_FUZZ_CHECK_H_
