"""op_table(): the explicit registry. No static initialisers: a missing operator is a link error."""

def op_table(name, ops, suffix = ""):
    """Makes <name>.inc (`STRATA_OP(rms_norm)` per line), <name>_headers.inc, and a library of both with the kernels.

    Args:
      name: of the library.
      ops: folders below kernels/ops, in order.
      suffix: "_cuda" for the CUDA table.
    """
    native.genrule(
        name = name + "_inc",
        outs = [name + ".inc"],
        cmd = "printf '%s' > $@" % "".join(["STRATA_OP(%s)\\n" % op for op in ops]),
    )
    native.genrule(
        name = name + "_headers_inc",
        outs = [name + "_headers.inc"],
        cmd = "printf '%s' > $@" % "".join(["#include \"kernels/ops/%s/%s.h\"\\n" % (op, op) for op in ops]),
    )
    native.cc_library(
        name = name,
        srcs = ["registry%s.cc" % suffix],
        hdrs = ["registry%s.h" % suffix],
        textual_hdrs = [name + ".inc", name + "_headers.inc"],
        deps = ["//kernels/core"] + ["//kernels/ops/%s:%s%s" % (op, op, suffix) for op in ops],
    )
