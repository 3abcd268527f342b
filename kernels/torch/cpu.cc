// libstrata_cpu.so: defines every operator's schema in torch, and its CPU kernels.
#include <string>

#include "kernels/core/schema_text.h"
#include "kernels/ops/registry.h"
#include "kernels/ops/registry_headers.inc"
#include "kernels/torch/adapter.h"
#include "kernels/torch/prepared.h"

namespace strata::torch_adapter {
namespace {

constexpr DeviceHooks kCpu = {};

// Torch takes an operator away when its library's handle is deleted, so the handles are kept for ever: a loaded
// operator library is never unloaded.
const bool registered = [] {
  TorchLibraryHandle schemas = nullptr, kernels = nullptr;
  Check(aoti_torch_library_init_def("strata", __FILE__, __LINE__, &schemas), "library_init_def");
  for (const OpDef* op : AllOps()) {
    Check(aoti_torch_library_def(schemas, TorchSchema(*op->schema).c_str()), "library_def");
  }
  DefinePrepared(schemas);
  Check(aoti_torch_library_init_impl("strata", "CPU", __FILE__, __LINE__, &kernels), "library_init_impl");
#define STRATA_OP(folder)                            \
  RegisterKernels<ops::folder::kOps, kCpu>(kernels); \
  RegisterPrepared<ops::folder::kOps, kCpu>(kernels);
#include "kernels/ops/registry.inc"
#undef STRATA_OP
  return true;
}();

}  // namespace
}  // namespace strata::torch_adapter

// The whole table as a JSON array, for Python (ctypes). It lives for ever.
extern "C" __attribute__((visibility("default"))) const char* strata_schemas_json() {
  static const std::string json = [] {
    std::string text = "[";
    for (const strata::OpDef* op : strata::AllOps()) text += (text.size() > 1 ? ",\n" : "") + strata::SchemaJson(*op);
    return text + "]";
  }();
  return json.c_str();
}
