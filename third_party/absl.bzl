"""Finds the system's Abseil as @system_absl: the link flags, for its releases cut it into libraries in different ways.

All of them are offered to the linker, which takes what is needed (--as-needed for shared ones, a group for archives):
no list to keep for Debian 12's 20220623, Debian 13's 20240722 and what comes after.
"""

_FOLDERS = ["/usr/local/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"]

def _impl(ctx):
    names = {}
    for folder in _FOLDERS:
        path = ctx.path(folder)
        if names or not path.exists:
            continue
        for file in path.readdir():
            name = file.basename
            stem = name.rpartition(".")[0]
            if name.startswith("libabsl_") and name[len(stem):] in [".so", ".a"] and "mock" not in stem:
                names[stem[len("lib"):]] = None
    flags = ["-l" + name for name in sorted(names)]
    if flags:
        flags = ["-Wl,--push-state,--as-needed,--start-group"] + flags + ["-Wl,--end-group,--pop-state"]
    else:
        flags = ["-labsl_was_not_found__run_tools_setup"]
    ctx.file("info.bzl", "LINKOPTS = %r\n" % flags)
    ctx.file("BUILD", "")

system_absl = repository_rule(implementation = _impl, environ = ["STRATA_ENVIRONMENT"], local = True)
