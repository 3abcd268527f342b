#!/bin/bash
# The layering check refuses every kind of forbidden target, and an answer that is empty.
set -u
check=$1
deps=$TEST_TMPDIR/deps
failures=0
expect() {  # expect STATUS LINES...
  local want=$1
  shift
  printf '%s\n' "$@" >"$deps"
  "$check" "$deps" //systems/net:net >/dev/null
  local got=$?
  if [ $got != "$want" ]; then
    echo "wanted $want, got $got, for: $*"
    failures=1
  fi
}
expect 0 //systems/net:net //third_party:asio //kernels/ops:registry @bazel_tools//tools/cpp:malloc
expect 1 //third_party:asio
expect 1 ""
for label in @torch//:headers @@torch//:headers @python//:py3 \
  //kernels/torch:adapter //research/strata:ops //tests:x; do
  expect 1 //systems/net:net "$label"
done
exit $failures
