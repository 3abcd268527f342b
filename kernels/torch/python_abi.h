// The part of CPython's stable ABI (PEP 384) and of DLPack's C exchange table that direct.cc uses, declared by hand:
// one library then serves every Python, and building it needs no Python headers. The symbols are weak: a process
// without Python loads the library all the same and never calls them.
#pragma once

#include <cstddef>
#include <cstdint>

#define STRATA_PYTHON __attribute__((weak, visibility("default")))

extern "C" {

struct PyObject;
struct PyThreadState;
using PyFastFunction = PyObject* (*)(PyObject* self, PyObject* const* arguments, ptrdiff_t count);

struct PyMethodDef {
  const char* name;
  PyFastFunction function;
  int flags;  // kPyFastCall
  const char* doc;
};

STRATA_PYTHON PyObject* PyBool_FromLong(long value);  // NOLINT: as Python has it
STRATA_PYTHON PyObject* PyCFunction_NewEx(PyMethodDef* method, PyObject* self, PyObject* module);
STRATA_PYTHON PyObject* PyCapsule_New(void* pointer, const char* name, void (*destructor)(PyObject*));
STRATA_PYTHON void* PyCapsule_GetPointer(PyObject* capsule, const char* name);
STRATA_PYTHON PyObject* PyErr_Occurred();
STRATA_PYTHON void PyErr_Clear();
STRATA_PYTHON PyThreadState* PyEval_SaveThread();
STRATA_PYTHON void PyEval_RestoreThread(PyThreadState* state);
STRATA_PYTHON double PyFloat_AsDouble(PyObject* number);
STRATA_PYTHON PyObject* PyList_AsTuple(PyObject* list);
STRATA_PYTHON PyObject* PyList_New(ptrdiff_t size);
STRATA_PYTHON int PyList_SetItem(PyObject* list, ptrdiff_t at, PyObject* item);
STRATA_PYTHON long long PyLong_AsLongLong(PyObject* number);  // NOLINT: as Python has it
STRATA_PYTHON int PyObject_IsTrue(PyObject* object);
STRATA_PYTHON PyObject* PyObject_Type(PyObject* object);
STRATA_PYTHON PyObject* PyObject_Vectorcall(PyObject* callable, PyObject* const* arguments, size_t count,
                                            PyObject* names);
STRATA_PYTHON PyObject* PyTuple_GetItem(PyObject* tuple, ptrdiff_t at);
STRATA_PYTHON PyObject* PyTuple_New(ptrdiff_t size);
STRATA_PYTHON int PyTuple_SetItem(PyObject* tuple, ptrdiff_t at, PyObject* item);
STRATA_PYTHON ptrdiff_t PyTuple_Size(PyObject* tuple);
STRATA_PYTHON const char* PyUnicode_AsUTF8AndSize(PyObject* text, ptrdiff_t* size);
STRATA_PYTHON void Py_DecRef(PyObject* object);
STRATA_PYTHON void Py_IncRef(PyObject* object);

struct DLTensor {
  void* data;
  int32_t device_type;
  int32_t device_id;
  int32_t rank;
  uint8_t dtype_code;
  uint8_t dtype_bits;
  uint16_t dtype_lanes;
  int64_t* sizes;
  int64_t* strides;
  uint64_t byte_offset;
};

// What the capsule `torch.Tensor.__dlpack_c_exchange_api__` points to.
struct DLPackExchange {
  uint32_t major, minor;
  void* older;
  void *allocate, *export_managed, *import_managed;
  // Describes a tensor without owning it; 0, or -1 with a Python exception. nullptr: torch has none.
  int (*describe)(void* object, DLTensor* out);
  void* stream;
};

}  // extern "C"

namespace strata::torch_adapter {
inline constexpr int kPyFastCall = 0x80;  // METH_FASTCALL
inline constexpr char kDLPackExchange[] = "dlpack_exchange_api";
inline constexpr int32_t kDLPackCpu = 1;
}  // namespace strata::torch_adapter
