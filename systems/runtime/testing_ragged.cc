#include "systems/runtime/testing.h"

namespace strata::runtime {
namespace {

constexpr const char* kPlan = R"({"plan": 1, "entry_points": {"embed": {
  "dims": {"B": [0, 32], "N": [0, 256]},
  "inputs": [{"name": "ids", "dtype": "int64", "shape": ["N"]},
             {"name": "cu_seqlens", "dtype": "int64", "shape": ["B+1"]}],
  "steps": [
    {"op": "embedding", "inputs": ["$table", "ids"], "attrs": {},
     "outputs": [{"name": "t0", "dtype": "float32", "shape": ["N", 8]}]},
    {"op": "linear", "inputs": ["t0", "$w", "$b", null, null], "attrs": {"activation": "gelu"},
     "outputs": [{"name": "t1", "dtype": "float32", "shape": ["N", 6]}]},
    {"op": "segment_pool", "inputs": ["t1", "cu_seqlens"], "attrs": {"mode": "mean"},
     "outputs": [{"name": "t2", "dtype": "float32", "shape": ["B", 6]}]},
    {"op": "l2_normalize", "inputs": ["t2"], "attrs": {"eps": 1e-12},
     "outputs": [{"name": "t3", "dtype": "float32", "shape": ["B", 6]}]},
    {"view": "reshape", "inputs": ["t1"], "outputs": [{"name": "v0", "dtype": "float32", "shape": ["N", 2, 3]}]},
    {"view": "slice", "inputs": ["v0"], "attrs": {"dim": 1, "start": 1},
     "outputs": [{"name": "v1", "dtype": "float32", "shape": ["N", 1, 3]}]}
  ],
  "outputs": [{"name": "vectors", "value": "t3"}, {"name": "tokens", "value": "v1"}]}}})";

}  // namespace

TestBundle RaggedBundle() {
  TestBundle bundle;
  bundle.manifest = R"({"format": "strata-bundle", "version": 1, "name": "ragged", "model_version": "1",
  "entry_points": {"embed": {"batch_dim": "B", "ragged_dim": "N", "layouts":
    {"ids": "ragged", "cu_seqlens": "offsets", "vectors": "stacked", "tokens": "ragged"}}},
  "ops": {)" + OpsJson({"embedding", "linear", "segment_pool", "l2_normalize"}) +
                    R"(}, "numerics": ["ieee"]})";
  bundle.plan = kPlan;
  TensorBag weights;
  weights.Floats("table", {20, 8}, SomeFloats(160, 1));
  weights.Floats("w", {6, 8}, SomeFloats(48, 2));
  weights.Floats("b", {6}, SomeFloats(6, 3));
  bundle.weights = weights.Bytes();
  TensorBag inputs;
  inputs.Ints("embed/0/in/ids", {5}, {1, 2, 3, 19, 0});
  inputs.Ints("embed/0/in/cu_seqlens", {3}, {0, 2, 5});
  inputs.Ints("embed/1/in/ids", {3}, {7, 7, 8});
  inputs.Ints("embed/1/in/cu_seqlens", {2}, {0, 3});
  bundle.MakeGolden(inputs);
  return bundle;
}

}  // namespace strata::runtime
