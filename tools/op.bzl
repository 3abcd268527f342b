"""op(): everything about one operator from the files of its folder. Adding one: docs/add_an_op.md."""

load("//third_party/python:defs.bzl", "strata_py_test")
load("//tools:cuda.bzl", "cuda_library")

# SIMD kernels start at AVX2 with FMA: nothing older gives the same bits. Highway adds the newer targets itself.
# On Arm the target is NEON alone: SVE's vectors have no size that a compiler knows.
_ARM = ["-DHWY_DISABLED_TARGETS=(HWY_SVE|HWY_SVE2|HWY_SVE_256|HWY_SVE2_128)"]
SIMD_COPTS = select({
    "//kernels:cross_aarch64": _ARM + ["-march=armv8-a+crypto"],
    "//kernels:x86_64": ["-march=x86-64-v3", "-maes", "-mpclmul"],
    "//conditions:default": _ARM,
})

_CORE = ["//kernels/core"]

def op(name, deps = [], header_deps = [], test_deps = []):
    """Makes //kernels/ops/<name> from <name>.h, <name>_ref.cc, <name>_cpu.cc, <name>_op.cc and what else is there
    (more kernels: <name>_<what>_cpu.cc).

    Args:
      name: the op's name and its folder's.
      deps: what its kernels share beyond //kernels/core and //kernels/simd.
      header_deps: what its header includes beyond //kernels/core.
      test_deps: what its test uses beyond the op tester.
    """
    visibility = ["//kernels:__subpackages__", "//systems:__subpackages__", "//research:__subpackages__", "//tests:__subpackages__"]
    native.cc_library(name = name + "_h", hdrs = [name + ".h"], deps = _CORE + header_deps, visibility = visibility)
    native.cc_library(
        name = name + "_cpu",
        srcs = [name + "_cpu.cc"] + native.glob([name + "_*_cpu.cc", "*_tile.h", name + "_*-inl.h"]),
        copts = SIMD_COPTS,
        deps = [":" + name + "_h", "//kernels/simd"] + deps,
    )
    native.cc_library(
        name = name,
        srcs = [name + "_ref.cc", name + "_op.cc"],
        hdrs = [name + ".h"],
        deps = [":" + name + "_cpu", "//kernels/simd:row_blocks", "//kernels/simd:stream", "//kernels/simd:targets"] + _CORE,
        visibility = visibility,
    )
    native.filegroup(
        name = "python",
        srcs = [name + ".py"] + native.glob([name + "_test.py"]),
        visibility = visibility,
    )
    if native.glob([name + "_test.py"]):
        strata_py_test(
            name = name + "_py_test",
            size = "medium",
            main = name + "_test.py",
            deps = ["//research/strata", "//kernels/testing:python"],
        )
    if native.glob([name + "_cuda.cu"]):
        cuda_library(
            name = name + "_cuda",
            srcs = [name + "_cuda.cu"],
            copts = ["-fmad=false"],  # rounding is part of the definition, as -ffp-contract=off on the CPU
            deps = [":" + name + "_h"],
            visibility = visibility,
        )

    # Every operator states a property of its own: there is no operator without this file.
    native.cc_test(
        name = name + "_test",
        size = "small",
        srcs = [name + "_test.cc"],
        deps = [":" + name, "//kernels/simd:targets", "//kernels/testing:op_tester", "//third_party:gtest_main"] + test_deps,
    )
    if native.glob([name + "_bench.cc"]):
        native.cc_binary(
            name = name + "_bench",
            srcs = [name + "_bench.cc"],
            tags = ["manual"],
            deps = [":" + name, "//kernels/base:thread_pool", "//third_party:benchmark_main"],
        )
