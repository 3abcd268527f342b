# Functions of tools/setup: messages, a command's progress, and what this machine has. Sourced from the checkout's root.

log=build/setup.log

say() { printf 'setup: %s\n' "$*"; }

die() {
  printf 'setup: %s\n' "$*" >&2
  exit 1
}

last_words() { grep -v '^[[:space:]]*$' "$log" | grep -iE '^(E:|ERROR|error)' | tail -n 2 | paste -sd' ' || true; }

# watch LABEL PATTERN COMMAND...: runs COMMAND into the log and shows the seconds and how many of its lines match
# PATTERN (none if empty): once a second on a terminal, else a plain line every ten seconds.
watch() {
  local label=$1 pattern=$2 from pid start=$SECONDS step=10 count=
  shift 2
  from=$(($(wc -l <"$log") + 1))
  "$@" >>"$log" 2>&1 </dev/null &
  pid=$!
  trap 'kill $pid 2>/dev/null; wait $pid 2>/dev/null; die "interrupted"' INT TERM
  [ -t 1 ] && step=1
  while kill -0 $pid 2>/dev/null; do
    sleep 0.2
    if [ $((SECONDS - start)) -ge $step ]; then
      [ -z "$pattern" ] || count="$(tail -n +"$from" "$log" | grep -cE "$pattern" || true) "
      if [ -t 1 ]; then
        printf '\rsetup:   %s%s, %d s ' "$count" "$label" $((SECONDS - start))
        step=$((SECONDS - start + 1))
      else
        say "  $count$label, $((SECONDS - start)) s"
        step=$((SECONDS - start + 10))
      fi
    fi
  done
  trap - INT TERM
  [ -t 1 ] && printf '\r\033[K'
  wait $pid
}

# debian:12, ubuntu:24.04, ...
system_name() {
  [ -r /etc/os-release ] || { uname -s; return; }
  (. /etc/os-release && echo "${ID:-unknown}:${VERSION_ID:-rolling}")
}

missing_packages() {
  [ $# = 0 ] || dpkg-query -W -f='${Package} ${db:Status-Status}\n' "$@" 2>/dev/null |
    awk -v wanted="$*" '$2 == "installed" { have[$1] = 1 }
      END { n = split(wanted, name, " "); for (i = 1; i <= n; i++) if (!(name[i] in have)) print name[i] }'
}

find_python() {
  local name
  for name in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$name"
      return
    fi
  done
  return 1
}

bazel_command() { command -v bazel || command -v bazelisk; }

# 4, 7, ... Debian's builds do not know their own version, so its package is asked.
bazel_major() {
  local version
  version=$("$1" --version 2>/dev/null | sed -n 's/^bazel \([0-9]*\)\..*/\1/p')
  [ -n "$version" ] || version=$(dpkg-query -W -f='${Version}' bazel-bootstrap 2>/dev/null | cut -d. -f1)
  echo "${version:-0}"
}

# One preprocessor run tells which libraries are there and how old: it is the compiler's own search path that counts.
library_versions() {
  ${CXX:-g++} -std=c++20 -E -P -x c++ - 2>>"$log" <<'PROBE' | tr -d '"' | grep -E '^found '
#if __has_include(<boost/asio/cancellation_signal.hpp>)
found boost
#endif
#if __has_include(<absl/status/statusor.h>)
found absl
#endif
#if __has_include(<hwy/base.h>)
found highway
#endif
#if __has_include(<simdjson.h>)
found simdjson
#endif
#if __has_include(<unicode/normalizer2.h>)
found icu
#endif
#if __has_include(<gtest/gtest.h>) && __has_include(<gmock/gmock.h>)
found googletest
#endif
#if __has_include(<prometheus/registry.h>)
found prometheus
#endif
#if __has_include(<spdlog/spdlog.h>)
found spdlog
#endif
#if __GNUC__ >= 12
found compiler
#endif
PROBE
}

check_tools() {
  local bazel missing=() found item
  bazel=$(bazel_command) || missing+=("Bazel (bazel or bazelisk on the PATH; Debian and Ubuntu 24.04: bazel-bootstrap)")
  command -v "${CXX:-g++}" >/dev/null || die "there is no C++ compiler (${CXX:-g++}): install g++ 12 or later"
  found=$(library_versions || true)
  for item in "compiler:g++ 12 or later (or CXX=another)" "boost:Boost 1.81 or later" "absl:Abseil" "highway:Highway" \
    "simdjson:simdjson" "icu:ICU" "googletest:GoogleTest and GoogleMock" "prometheus:prometheus-cpp" "spdlog:spdlog"; do
    grep -qx "found ${item%%:*}" <<<"$found" || missing+=("${item#*:}")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    printf -v item '%s; ' "${missing[@]}"
    die "still missing: ${item%; }"
  fi
  major=$(bazel_major "$bazel")
  case $major in
    4 | 5 | 6 | 7) say "Bazel $major: $bazel" ;;
    0) say "Bazel of unknown version: $bazel (4.2 to 7 are known to work)" ;;
    *) die "$bazel is Bazel $major; Strata builds with 4.2 to 7 (bazelisk chooses by itself)" ;;
  esac
}

say_cuda() {
  local cuda
  if cuda=$(find_cuda); then say "CUDA: $cuda"; else say "CUDA: no toolkit found, so the CUDA kernels are left out"; fi
}

# The same places in the same order as third_party/cuda/cuda.bzl.
find_cuda() {
  local home
  for home in ${CUDA_HOME:-/usr/local/cuda .venv/lib/python*/site-packages/nvidia/cu*}; do
    if [ -x "$home/bin/nvcc" ]; then
      echo "$home"
      return
    fi
  done
  return 1
}

# Bazel 5 and later want rules that are no longer part of it: Debian packages them, another system's Bazel fetches them.
bazel_rules() {
  local place=/usr/share/bazel name
  if [ ! -d $place/rules/cc ]; then
    echo "common --noexperimental_repository_disable_download"
    return
  fi
  for name in cc java license proto python; do
    [ ! -d $place/rules/$name ] || echo "common --override_repository=rules_$name=$place/rules/$name"
  done
  echo "common --override_repository=bazel_skylib=$place/tools/skylib"
  echo "common --override_repository=bazel_features=$place/tools/features"
  echo "common --override_repository=remote_coverage_tools=$PWD/third_party/bazel/remote_coverage_tools"
}

# What depends on the Bazel that is here, for .bazelrc to import: each version stops at flags that it does not know.
write_bazelrc() {
  {
    echo "# Written by tools/setup for Bazel $major."
    # The stamp makes Bazel look at the Python environment again.
    echo "build --repo_env=STRATA_ENVIRONMENT=$(cat .venv/.complete 2>/dev/null || echo own)"
    [ "$major" -lt 6 ] || echo "common --noenable_bzlmod"
    [ "$major" -lt 7 ] || echo "common --enable_workspace"
    [ "$major" -lt 5 ] || bazel_rules
  } >build/setup.bazelrc.new
  if cmp -s build/setup.bazelrc.new build/setup.bazelrc; then
    rm build/setup.bazelrc.new
  else
    mv build/setup.bazelrc.new build/setup.bazelrc
  fi
}
