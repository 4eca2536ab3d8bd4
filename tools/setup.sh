# Sourced by quickstart.sh and test.sh: finds out what is missing, installs it where that is ours to do (Debian, Ubuntu),
# and says what to install where it is not (Fedora, macOS). Installs nothing when nothing is missing.

say() { printf '%s\n' "$*"; }
stop() { printf 'error: %s\n' "$*" >&2; exit 4; }

missing=''
# need PACKAGE TEST...: the package is missing unless the test succeeds.
need() {
  package=$1
  shift
  "$@" >/dev/null 2>&1 || missing="$missing $package"
}

have() { command -v "$1" >/dev/null 2>&1; }
have_compiler() { have "${CXX:-c++}" || have g++ || have clang++; }
have_browser() { have chromium || have chromium-browser || have google-chrome; }
have_header() { printf '#include <%s>\n' "$1" | "${CXX:-c++}" -x c++ -std=c++20 -fsyntax-only -; }

has_libfuzzer() {
  printf 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }\n' |
    clang++ -x c++ -fsanitize=fuzzer,address - -o /dev/null >/dev/null 2>&1
}

need_to_build() {
  need g++ have_compiler
  need cmake have cmake
  need ninja-build have ninja
  [ "$(uname)" = Darwin ] || need libstb-dev have_header stb/stb_image_write.h
}

need_to_test() {
  need_to_build
  need libgtest-dev have_header gtest/gtest.h
  need libgmock-dev have_header gmock/gmock.h
  need python3 have python3
  [ "$(uname)" = Darwin ] || need gdb have gdb
  # Large, and asked for by whoever wants the page tested too; without it these tests skip and say so.
  [ -z "${GLASS_TEST_BROWSER:-}" ] || need chromium have_browser
}

# How to become root: not at all, or through sudo. Without either, says what to run.
find_root() {
  as_root=''
  [ "$(id -u)" = 0 ] && return
  have sudo || stop "missing:$missing. Installing needs root and there is no sudo: run 'apt-get install$missing' as root."
  as_root='sudo'
}

install_missing() {
  [ -n "$missing" ] || return 0
  if have apt-get; then
    find_root
    say "Installing what is missing: ${as_root:+$as_root }apt-get install$missing"
    install="$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends"
    # The lists of packages may be absent (containers) or old, so a failure earns one refresh and one more try.
    # shellcheck disable=SC2086
    $install $missing >/dev/null 2>&1 || {
      $as_root apt-get update -qq || stop "apt-get update failed; is there a network? Missing:$missing"
      $install $missing >/dev/null || stop "apt-get could not install:$missing"
    }
  elif have dnf; then
    stop "something is missing ($missing ). Install it, then start again:
  sudo dnf install gcc-c++ cmake ninja-build stb_image_write-devel gtest-devel gmock-devel python3 gdb"
  elif [ "$(uname)" = Darwin ]; then
    stop "something is missing ($missing ). Install it, then start again:
  xcode-select --install; brew install cmake ninja googletest python"
  else
    stop "something is missing, and this system's package manager is unknown here. Install, by your system's names:$missing"
  fi
}

# Versions that are too old fail late and obscurely, so look first.
check_versions() {
  version=$(cmake --version | sed -n '1s/.* \([0-9]*\.[0-9]*\).*/\1/p')
  major=${version%%.*}
  minor=${version#*.}
  if [ "$major" -lt 3 ] || { [ "$major" = 3 ] && [ "$minor" -lt 25 ]; }; then
    stop "cmake $version is too old; 3.25 or newer is needed (Debian 12, Ubuntu 23.04 or newer; elsewhere: pip install cmake)."
  fi
  printf '#include <compare>\n#include <span>\nint main() { return __cplusplus < 202002L; }\n' |
    "${CXX:-c++}" -x c++ -std=c++20 -fsyntax-only - >/dev/null 2>&1 ||
    stop "$("${CXX:-c++}" --version | head -n 1) does not compile C++20; g++ 12 or clang 14 or newer is needed (set CXX to choose one)."
}

# ccache and a build folder elsewhere are used where they are, and never needed.
build_folder=${GLASS_BUILD_DIR:-build}
configure() {   # configure PRESET [cmake arguments]
  preset=$1
  shift
  launcher=''
  have ccache && launcher=-DCMAKE_CXX_COMPILER_LAUNCHER=ccache
  fetch=''
  [ "$(uname)" != Darwin ] || fetch=-DGLASS_FETCH_STB=ON   # Homebrew has no package for it
  # shellcheck disable=SC2086
  quietly cmake --preset "$preset" -B "$build_folder/$preset" $launcher $fetch "$@"
}

# quietly COMMAND...: its output only if it fails, but live on a terminal.
quietly() {
  if [ -t 1 ]; then
    "$@"
    return
  fi
  log=$(mktemp)
  if "$@" >"$log" 2>&1; then
    rm -f "$log"
  else
    status=$?
    cat "$log" >&2
    rm -f "$log"
    return "$status"
  fi
}
