#!/usr/bin/env bash
# tools/test --arm: the kernels on 64-bit Arm, cross-compiled and run by qemu's user mode.
#
# Runs the kernels' conformance test and math test there, then compares what every operator gives for random calls
# (//kernels/testing:bits) with this machine's, line by line: NEON must give the bits of AVX2 and AVX-512.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tools/setup_lib.sh

packages=(g++-12-aarch64-linux-gnu qemu-user)
sysroot=/usr/aarch64-linux-gnu
arm=$PWD/build/arm
mkdir -p "$arm"
log=$arm/setup.log
: >"$log"

install_tools() {
  command -v aarch64-linux-gnu-g++-12 >/dev/null && command -v qemu-aarch64 >/dev/null && return
  [ "$(id -u)" = 0 ] || die "a cross compiler and an emulator are missing: sudo apt-get install -y ${packages[*]}"
  watch "packages unpacked and set up" '^(Unpacking|Setting up) ' \
    apt-get install -y --no-install-recommends "${packages[@]}" || die "apt-get could not install ${packages[*]}"
}

# Arm's own builds of Highway and GoogleTest, unpacked into build/arm: the system's architecture list stays as it is.
unpack_libraries() {
  [ -e "$arm/.libraries" ] && return
  local apt=(apt-get -oAPT::Architecture=arm64 -oAPT::Architectures=arm64 "-oDir::State::Lists=$arm/lists"
    "-oAPT::Sandbox::User=$(id -un)" -oDebug::NoLocking=1)
  mkdir -p "$arm/lists/partial" "$arm/debs"
  say "fetching Arm's Highway and GoogleTest"
  "${apt[@]}" update >>"$log" 2>&1 || die "apt-get knows no packages for arm64: $(last_words)"
  (cd "$arm/debs" && "${apt[@]}" download libhwy-dev libhwy1 libgtest-dev >>"$log" 2>&1) ||
    die "apt-get could not fetch them: $(last_words)"
  for package in "$arm"/debs/*.deb; do dpkg -x "$package" "$arm/root"; done
  touch "$arm/.libraries"
}

# Bazel looks for the linker beside the compiler, so both get a folder of their own, under their plain names.
link_compiler() {
  mkdir -p "$arm/bin"
  local tool
  for tool in ar nm objcopy objdump strip ld ld.bfd ld.gold gcov; do
    [ -e "/usr/bin/aarch64-linux-gnu-$tool" ] && ln -sf "/usr/bin/aarch64-linux-gnu-$tool" "$arm/bin/$tool"
  done
  ln -sf /usr/bin/aarch64-linux-gnu-gcc-12 "$arm/bin/gcc"
}

install_tools
unpack_libraries
link_compiler
libraries=$arm/root/usr/lib/aarch64-linux-gnu
options=(
  "--repo_env=CC=$arm/bin/gcc" --platform_suffix=arm --define=arch=aarch64
  --copt=-Wno-maybe-uninitialized # GCC 12's arm_neon.h
  "--linkopt=-L$libraries" "--linkopt=-Wl,-rpath,$libraries"
)
bazel=$(command -v bazel || command -v bazelisk) || die "there is no bazel on the PATH: run tools/setup"
say "the tests, emulated"
$bazel test "${options[@]}" "--run_under=/usr/bin/qemu-aarch64 -L $sysroot" --test_timeout=3600 \
  //kernels/testing:conformance_test //kernels/simd:math_test
$bazel build "${options[@]}" //kernels/testing:bits
cp -f "$($bazel info "${options[@]}" bazel-bin)/kernels/testing/bits" "$arm/bits.arm"
say "every operator's bits, here and emulated"
$bazel build //kernels/testing:bits
"$($bazel info bazel-bin)/kernels/testing/bits" >"$arm/here.txt"
qemu-aarch64 -L $sysroot "$arm/bits.arm" >"$arm/there.txt"
if ! diff -q "$arm/here.txt" "$arm/there.txt" >/dev/null; then
  diff "$arm/here.txt" "$arm/there.txt" | head -20
  die "NEON gives other bits than this machine: $(diff "$arm/here.txt" "$arm/there.txt" | grep -c '^>') of $(wc -l <"$arm/here.txt") calls"
fi
say "arm: $(wc -l <"$arm/here.txt") calls of $(cut -d' ' -f1 "$arm/here.txt" | sort -u | wc -l) operators, every bit equal"
