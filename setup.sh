#!/usr/bin/env bash
# From a fresh Debian or Ubuntu to a built, tested, demonstrated attune. `./setup.sh` alone says how.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

usage="usage: ./setup.sh build | demo | test

  build   install the Debian packages that are missing and build the program
  demo    build, then train a small network on pictures of its own making and draw what it looks at
  test    build everything and run the test suite

A LibTorch from elsewhere: CMAKE_PREFIX_PATH=/path/to/libtorch ./setup.sh build
That of an installed PyTorch:
  CMAKE_PREFIX_PATH=\$(python3 -c 'import torch; print(torch.utils.cmake_prefix_path)') ./setup.sh build"

packages=(g++ cmake ninja-build ccache libboost-dev libopencv-dev libjpeg-dev libtiff-dev zlib1g-dev libcli11-dev nlohmann-json3-dev libgtest-dev
  libprotozero-dev pkg-config libpango1.0-dev libcairo2-dev)
# For texts in pictures: Latin, Greek, Cyrillic and Arabic; Chinese, Japanese and Korean; Devanagari. Other fonts serve too.
packages+=(fonts-dejavu-core fonts-droid-fallback fonts-lohit-deva)
# Goes with Debian's LibTorch, which otherwise multiplies matrices with the reference BLAS, twenty times more slowly.
fast_blas=libopenblas0-openmp
cache=build/CMakeCache.txt
libtorch_stamp=build/libtorch-from # what was asked for when build/ was configured

say() { printf '%s\n' "$*"; }
fail() {
  printf 'setup.sh: %s\n' "$*" >&2
  exit 1
}

# What the user says of where LibTorch is; empty: Debian's.
libtorch_wanted() { printf '%s' "${Torch_DIR:-}${Torch_DIR:+ }${CMAKE_PREFIX_PATH:-}"; }

# build/ was configured with a LibTorch that is no Debian package and is still there.
has_own_libtorch() {
  local folder
  [[ -f $cache ]] || return 1
  folder=$(sed -n 's/^Torch_DIR:[A-Z]*=//p' "$cache")
  [[ -n $folder && $folder != /usr/lib/* && -f $folder/TorchConfig.cmake ]]
}

is_installed() { dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed; }

as_root() {
  if ((EUID == 0)); then
    env DEBIAN_FRONTEND=noninteractive "$@"
  else
    sudo env DEBIAN_FRONTEND=noninteractive "$@"
  fi
}

# Quiet, as it would print a thousand lines; the last of them are shown when it fails.
apt() {
  as_root apt-get -o DPkg::Lock::Timeout=300 "$@" </dev/null >"$apt_log" 2>&1 && return
  tail -n 15 "$apt_log" >&2
  rm -f "$apt_log"
  fail "apt-get $1 failed (its last lines are above); mend that, or install by hand: ${missing[*]}"
}

install_packages() {
  local package apt_log
  local missing=()
  for package in "${packages[@]}"; do
    is_installed "$package" || missing+=("$package")
  done
  ((${#missing[@]} > 0)) || return 0
  if [[ " ${missing[*]} " == *" libtorch-dev "* ]]; then missing+=("$fast_blas"); fi
  if ((EUID != 0)) && ! command -v sudo >/dev/null; then
    fail "these packages are missing and you are neither root nor is there sudo; have them installed: ${missing[*]}"
  fi
  say "Installing Debian packages (minutes on a fresh machine): ${missing[*]}"
  apt_log=$(mktemp)
  apt update
  apt install -y --no-install-recommends "${missing[@]}"
  rm -f "$apt_log"
}

# Elsewhere the packages have other names: whoever has the tools goes on, and CMake names a library that is missing.
check_tools() {
  local tool
  say "This is no Debian or Ubuntu; attune needs what these Debian packages hold: ${packages[*]}"
  for tool in cmake ninja "${CXX:-c++}"; do
    command -v "$tool" >/dev/null || fail "$tool is not installed"
  done
}

prepare() {
  if [[ -z $(libtorch_wanted) ]] && ! has_own_libtorch; then packages+=(libtorch-dev); fi
  if [[ -f /etc/debian_version ]] && command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
    install_packages
  else
    check_tools
  fi
}

# Later changes of CMake files are noticed by the build itself.
configure() {
  local fresh=()
  if [[ -f $cache ]]; then
    # A copied tree, or another LibTorch than last time, would be mixed up with what the cache remembers.
    if ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$PWD" "$cache"; then fresh=(--fresh); fi
    if [[ -n $(libtorch_wanted) && $(libtorch_wanted) != "$(cat "$libtorch_stamp" 2>/dev/null)" ]]; then
      fresh=(--fresh)
    fi
    if [[ -f build/build.ninja && ${#fresh[@]} -eq 0 ]]; then return 0; fi
  fi
  say "Configuring in build/"
  mkdir -p build
  rm -f build/build.ninja # comes back when CMake succeeds
  cmake --preset release "${fresh[@]}" >build/configure.log 2>&1 || {
    cat build/configure.log >&2
    fail "CMake could not configure the build; its first error is above and in build/configure.log"
  }
  libtorch_wanted >"$libtorch_stamp"
  if [[ -z $(libtorch_wanted) && $(readlink -f /usr/lib/*/libblas.so.3) == */blas/libblas.so* ]]; then
    say "LibTorch uses the slow reference BLAS here; the package $fast_blas makes linear layers many times faster"
  fi
}

# Kilobytes that compilers may use: what is free, or what a container is limited to.
memory() {
  local free limit
  free=$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo 2>/dev/null) || free=
  limit=$(cat /sys/fs/cgroup/memory.max 2>/dev/null) || limit=
  free=${free:-4194304}
  if [[ $limit =~ ^[0-9]+$ ]] && ((limit / 1024 < free)); then free=$((limit / 1024)); fi
  printf '%s' "$free"
}

cores() { nproc 2>/dev/null || printf 2; }

# All cores, but 1.5 GB for each compiler.
compile_jobs() {
  local most
  most=$(($(memory) / 1572864))
  ((most >= 1)) || most=1
  (($(cores) < most)) && most=$(cores)
  printf '%s' "$most"
}

# build [TARGET...]: those targets, or everything.
build() {
  local jobs
  jobs=$(compile_jobs)
  say "Building in build/ with $jobs parallel jobs and $(sed -n 's/^ATTUNE_LIBTORCH:[A-Z]*=//p' "$cache")"
  cmake --build --preset release --parallel "$jobs" ${1:+--target "$@"} ||
    fail "the build failed; the compiler's first error is above"
}

case "$#:${1:-}" in
  1:build | 1:demo | 1:test) ;;
  *)
    say "$usage" >&2
    exit 2
    ;;
esac

# The suite checks the JSON Schema with a validator that is not ours.
if [[ $1 == test ]]; then packages+=(python3-jsonschema); fi
prepare
configure
case $1 in
  build)
    build attune_program
    say "Built $PWD/build/bin/attune"
    ;;
  demo)
    build attune_program
    build/bin/attune demo --output demo
    say "The pictures are in $PWD/demo"
    ;;
  test)
    build
    # The tests use threads themselves.
    tests/count_skipped.sh ctest --preset release --output-on-failure --no-tests=error --parallel "$(($(cores) < 2 ? 1 : 2))"
    ;;
esac
