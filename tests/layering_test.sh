#!/bin/bash
# layering_test.sh DEPS MUST_REACH: fails if the list DEPS names a torch, Python or research target, or lacks MUST_REACH.
set -u
forbidden='^@*(torch|python)//|^//(kernels/torch|research|third_party/python|integration|tests)[/:]'
if ! grep -qxF -- "$2" "$1"; then
  echo "the query did not see $2, which is a known dependency: its answer proves nothing ($(wc -l <"$1") lines)"
  exit 1
fi
if grep -E "$forbidden" "$1"; then
  echo "these must not be reached: see 'Who may depend on whom' in docs/design"
  exit 1
fi
