"""bazel_shims: the repositories that Debian's Bazel 4.2.3 asks the network for, answered by a few lines of our own.

Later versions bring or fetch real ones: Debian's packages of them are named by build/setup.bazelrc (see tools/setup).
"""

_SHIMS = ["rules_cc", "rules_java", "remote_coverage_tools"]

def bazel_shims():
    # Debian's 4.2.3 does not know its own version and says "no_version".
    if native.bazel_version[:2] in ["5.", "6.", "7."]:
        return
    for name in _SHIMS:
        native.local_repository(name = name, path = "third_party/bazel/" + name)
