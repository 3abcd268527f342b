#include "kernels/torch/direct.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/core/invoke.h"
#include "kernels/ops/registry.h"
#include "kernels/torch/adapter.h"
#include "kernels/torch/prepared.h"
#include "kernels/torch/python_abi.h"

namespace strata::torch_adapter {
namespace {

// An owned reference.
class Ref {
 public:
  explicit Ref(PyObject* object) : object_(object) {}
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  ~Ref() {
    if (object_ != nullptr) Py_DecRef(object_);
  }
  PyObject* get() const { return object_; }
  PyObject* release() { return std::exchange(object_, nullptr); }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  PyObject* object_;
};

// What _direct.py hands over, in this order, then the functions that are to answer False, None or 0. Kept for ever.
struct Surroundings {
  enum {
    kExchange,
    kAdopt,
    kSteals,
    kIsNeg,
    kTensor,
    kParameter,
    kFloat,
    kInt,
    kBool,
    kText,
    kList,
    kTuple,
    kNone,
    kNumObjects
  };
  const DLPackExchange* exchange = nullptr;
  bool steals = false;
  std::array<PyObject*, kNumObjects> object{};
  std::array<PyObject*, 8> quiet{};
  size_t num_quiet = 0;
};
Surroundings around;

// What a function does with the arguments: run the operator; run it with a prepared form, which comes first; say
// whether such a form pays.
enum class Task { kRun, kRunPrepared, kPreparedPays };

struct Function {
  const OpDef* op;
  Task task;
  std::string name;
  PyObject* slow;
  PyMethodDef method;
};

// False where a call raises: then the slow road says what there is to say.
bool IsFalse(PyObject* function, PyObject* const* arguments, size_t count) {
  const Ref answer(PyObject_Vectorcall(function, arguments, count, nullptr));
  if (answer) return PyObject_IsTrue(answer.get()) == 0;
  PyErr_Clear();
  return false;
}

bool IsQuiet() {
  return std::all_of(around.quiet.begin(), around.quiet.begin() + around.num_quiet,
                     [](PyObject* function) { return IsFalse(function, nullptr, 0); });
}

bool IsA(PyObject* object, int type) {
  const Ref its(PyObject_Type(object));
  return its.get() == around.object[static_cast<size_t>(type)];
}

std::optional<DType> FromDLPack(const DLTensor& tensor) {
  if (tensor.dtype_lanes != 1) return std::nullopt;
  switch (tensor.dtype_code << 8 | tensor.dtype_bits) {
    case 0 << 8 | 8:
      return DType::kI8;
    case 0 << 8 | 32:
      return DType::kI32;
    case 0 << 8 | 64:
      return DType::kI64;
    case 1 << 8 | 8:
      return DType::kU8;
    case 2 << 8 | 16:
      return DType::kF16;
    case 2 << 8 | 32:
      return DType::kF32;
    case 2 << 8 | 64:
      return DType::kF64;
    case 4 << 8 | 16:
      return DType::kBF16;
    case 6 << 8 | 8:
      return DType::kBool;
    default:
      return std::nullopt;
  }
}

// False for what the slow road must see to: another type or device, memory that torch reads with a changed sign, none
// at all, or strides of which a copy is made.
bool ReadTensor(const ArgSpec& arg, PyObject* object, TensorView& view) {
  if (!IsA(object, Surroundings::kTensor) && !IsA(object, Surroundings::kParameter)) return false;
  DLTensor tensor;
  if (around.exchange->describe(object, &tensor) != 0) {
    PyErr_Clear();
    return false;
  }
  const std::optional<DType> dtype = FromDLPack(tensor);
  if (!dtype || tensor.device_type != kDLPackCpu || tensor.rank > kMaxRank) return false;
  if (tensor.rank > 0 && tensor.strides == nullptr) return false;
  if (!IsFalse(around.object[Surroundings::kIsNeg], &object, 1)) return false;
  view.data = tensor.data == nullptr ? nullptr : static_cast<std::byte*>(tensor.data) + tensor.byte_offset;
  view.dtype = *dtype;
  view.rank = tensor.rank;
  std::copy_n(tensor.sizes, tensor.rank, view.sizes.begin());
  std::copy_n(tensor.strides, tensor.rank, view.strides.begin());
  return TakesStrides(arg, view) && (view.data != nullptr || view.numel() == 0);
}

// What the arguments of one call refer to.
struct Taken {
  std::vector<Ref> lists;  // as tuples: a list may change while Python's other threads run
  std::array<std::vector<TensorView>, kMaxInputs> tensors;
  std::array<std::string_view, kMaxAttrs> texts;
};

bool ReadList(const ArgSpec& arg, PyObject* object, Taken& taken, std::vector<TensorView>& tensors) {
  if (IsA(object, Surroundings::kList)) {
    taken.lists.emplace_back(PyList_AsTuple(object));
    object = taken.lists.back().get();
    if (object == nullptr) {
      PyErr_Clear();
      return false;
    }
  } else if (!IsA(object, Surroundings::kTuple)) {
    return false;
  }
  tensors.resize(static_cast<size_t>(PyTuple_Size(object)));
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (!ReadTensor(arg, PyTuple_GetItem(object, static_cast<ptrdiff_t>(i)), tensors[i])) return false;
  }
  return true;
}

bool ReadText(PyObject* object, std::string_view& text) {
  if (!IsA(object, Surroundings::kText)) return false;
  ptrdiff_t size = 0;
  const char* data = PyUnicode_AsUTF8AndSize(object, &size);
  if (data != nullptr) text = {data, static_cast<size_t>(size)};
  return data != nullptr;
}

// Python's own types alone: NumPy's numbers and the like are left to torch.
bool ReadAttr(const AttrSpec& attr, PyObject* object, AttrValue& value, std::string_view& text) {
  bool read = true;
  if (attr.kind == AttrKind::kText) {
    read = ReadText(object, text);
    value.text = &text;
  } else if (attr.kind == AttrKind::kFloat) {
    if (!IsA(object, Surroundings::kFloat) && !IsA(object, Surroundings::kInt)) return false;
    value.f = PyFloat_AsDouble(object);
  } else {
    if (!IsA(object, attr.kind == AttrKind::kBool ? Surroundings::kBool : Surroundings::kInt)) return false;
    value.i = PyLong_AsLongLong(object);
  }
  if (PyErr_Occurred() == nullptr) return read;
  PyErr_Clear();
  return false;
}

bool ReadArguments(const OpSchema& schema, PyObject* const* arguments, Taken& taken, Call& call) {
  const auto inputs = static_cast<size_t>(schema.num_inputs), attrs = static_cast<size_t>(schema.num_attrs);
  for (size_t i = 0; i < inputs; ++i) {
    const ArgSpec& arg = schema.inputs[i];
    if (arg.list) {
      if (!ReadList(arg, arguments[i], taken, taken.tensors[i])) return false;
      call.lists[i] = taken.tensors[i];
    } else if (!arg.optional || arguments[i] != around.object[Surroundings::kNone]) {
      if (!ReadTensor(arg, arguments[i], call.inputs[i])) return false;
    }
  }
  for (size_t i = 0; i < attrs; ++i) {
    if (!ReadAttr(schema.attrs[i], arguments[inputs + i], call.attrs[i], taken.texts[i])) return false;
  }
  return true;
}

// As torch does around its own operators, other Python threads run meanwhile.
bool Run(const OpDef& op, const TensorView* form, Call& call, Outputs& outputs) {
  PyThreadState* state = PyEval_SaveThread();
  bool ok = false;
  try {
    if (form != nullptr) UsePrepared(op, *form, call);
    ok = InvokeInto(op, {}, -1, call, outputs).ok();
  } catch (const std::exception&) {
  }
  PyEval_RestoreThread(state);
  return ok;
}

// Torch's tensor of Python for a handle.
Ref Adopt(Handle& handle) {
  const Ref capsule(PyCapsule_New(handle.get(), nullptr, nullptr));
  if (!capsule) return Ref(nullptr);
  PyObject* argument = capsule.get();
  Ref tensor(PyObject_Vectorcall(around.object[Surroundings::kAdopt], &argument, 1, nullptr));
  if (tensor && around.steals) handle.release();
  return tensor;
}

// What torch's operators return: a tensor, a tuple of them, or a list.
PyObject* Results(const OpSchema& schema, Outputs& outputs, int count) {
  const bool list = schema.outputs[0].list;
  if (count == 1 && !list) return Adopt(outputs[0]).release();
  Ref all(list ? PyList_New(count) : PyTuple_New(count));
  const auto set = list ? PyList_SetItem : PyTuple_SetItem;
  for (int i = 0; all && i < count; ++i) {
    Ref tensor = Adopt(outputs[static_cast<size_t>(i)]);
    if (!tensor) return nullptr;
    set(all.get(), i, tensor.release());
  }
  return all.release();
}

// The result (or nullptr, with an exception of Python), or nothing where the call must go the ordinary way.
std::optional<PyObject*> Attempt(const Function& function, PyObject* const* arguments) {
  const OpDef& op = *function.op;
  const bool has_form = function.task == Task::kRunPrepared;
  Call call(*op.schema);
  Taken taken;
  Outputs outputs;
  TensorView form;
  if (has_form && !ReadTensor(kForm, *arguments++, form)) return std::nullopt;
  if (!ReadArguments(*op.schema, arguments, taken, call)) return std::nullopt;
  if (function.task == Task::kPreparedPays) {
    if (!Infer(op, call).ok()) return std::nullopt;
    return PyBool_FromLong(PreparedPays(op, call));
  }
  if (!Run(op, has_form ? &form : nullptr, call, outputs)) return std::nullopt;
  return Results(*op.schema, outputs, call.num_outputs);
}

PyObject* CallDirectly(PyObject* self, PyObject* const* arguments, ptrdiff_t count) {
  const auto& function = *static_cast<const Function*>(PyCapsule_GetPointer(self, nullptr));
  const OpSchema& schema = *function.op->schema;
  if (count == (function.task == Task::kRunPrepared) + schema.num_inputs + schema.num_attrs && IsQuiet()) {
    if (const std::optional<PyObject*> result = Attempt(function, arguments)) return *result;
  }
  return PyObject_Vectorcall(function.slow, arguments, static_cast<size_t>(count), nullptr);
}

bool Mutates(const OpSchema& schema) {
  return std::any_of(schema.inputs.begin(), schema.inputs.begin() + schema.num_inputs,
                     [](const ArgSpec& arg) { return arg.mutated; });
}

// The operator and the task that a name stands for: "linear", "_linear_prepared" or "_linear_pays".
Function Find(std::string_view name) {
  constexpr std::pair<std::string_view, Task> kEnds[] = {{"_prepared", Task::kRunPrepared},
                                                         {"_pays", Task::kPreparedPays}};
  for (const auto& [end, task] : kEnds) {
    if (!name.starts_with('_') || !name.ends_with(end)) continue;
    const OpDef* op = FindOp(name.substr(1, name.size() - 1 - end.size()));
    return {op != nullptr && op->prepare.input >= 0 ? op : nullptr, task, std::string(name), nullptr, {}};
  }
  return {FindOp(name), Task::kRun, std::string(name), nullptr, {}};
}

}  // namespace
}  // namespace strata::torch_adapter

#define STRATA_EXPORT extern "C" __attribute__((visibility("default")))

// False where torch's exchange table is of another version or lacks what is needed.
STRATA_EXPORT int strata_direct_setup(PyObject* objects) {
  using strata::torch_adapter::Surroundings;
  Surroundings given;
  const ptrdiff_t size = PyTuple_Size(objects);
  if (size < Surroundings::kNumObjects ||
      size > Surroundings::kNumObjects + static_cast<ptrdiff_t>(given.quiet.size())) {
    return 0;
  }
  for (ptrdiff_t i = 0; i < size; ++i) {
    PyObject* object = PyTuple_GetItem(objects, i);
    if (i < Surroundings::kNumObjects) {
      given.object[static_cast<size_t>(i)] = object;
    } else {
      given.quiet[given.num_quiet++] = object;
    }
  }
  given.exchange = static_cast<const DLPackExchange*>(
      PyCapsule_GetPointer(given.object[Surroundings::kExchange], strata::torch_adapter::kDLPackExchange));
  if (given.exchange == nullptr) {
    PyErr_Clear();
    return 0;
  }
  if (given.exchange->major != 1 || given.exchange->describe == nullptr) return 0;
  given.steals = PyObject_IsTrue(given.object[Surroundings::kSteals]) == 1;
  Py_IncRef(objects);
  strata::torch_adapter::around = given;
  return 1;
}

// None for an operator that writes to its arguments or has no result.
STRATA_EXPORT PyObject* strata_direct(const char* name, PyObject* slow, PyObject* module) {
  using namespace strata::torch_adapter;  // NOLINT
  Function found = Find(name);
  if (found.op == nullptr || Mutates(*found.op->schema) || found.op->schema->num_outputs == 0) {
    PyObject* none = around.object[Surroundings::kNone];
    Py_IncRef(none);
    return none;
  }
  Py_IncRef(slow);
  found.slow = slow;
  // Lives as long as the function, which is for ever.
  auto* function = new Function(std::move(found));
  function->method = {function->name.c_str(), &CallDirectly, kPyFastCall, nullptr};
  const Ref self(PyCapsule_New(function, nullptr, nullptr));
  return self ? PyCFunction_NewEx(&function->method, self.get(), module) : nullptr;
}
