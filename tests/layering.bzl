"""layering_test: proves that a target reaches no torch, no Python and no research code, through any chain of deps.

    layering_test(name = "net_layering_test", target = "//systems/net:http_server", must_reach = "//systems/net:http_parser")

must_reach is a target that is known to be among the deps: without it an answer that is empty for another reason would
pass. Call it in a package that may see the target (genquery obeys visibility): for //systems/... that is //systems.
"""

def layering_test(name, target, must_reach):
    native.genquery(
        name = name + "_deps",
        expression = "deps(%s)" % target,
        scope = [target],
    )
    native.sh_test(
        name = name,
        size = "small",
        srcs = ["//tests:layering_test.sh"],
        args = ["$(location :%s_deps)" % name, must_reach],
        data = [":%s_deps" % name],
    )
