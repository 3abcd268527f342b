// Torch's own thread pool as a Parallel, so that torch.set_num_threads rules in research.
#pragma once

#include "kernels/base/parallel.h"

namespace strata::torch_adapter {

Parallel& TorchThreads();

}  // namespace strata::torch_adapter
