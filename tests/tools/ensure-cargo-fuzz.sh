#!/usr/bin/env bash
# Installs cargo-fuzz into the cache if it is not there, and prints the program's path.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

version=0.13.1
target="$cache/cargo-fuzz-$version"

install() {
  say "cargo-fuzz $version: building it (once, about a minute on two cores)"
  # It only starts other programs: building it fast is worth more than its speed.
  CARGO_TARGET_DIR="$1/build" \
    CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
    cargo install --quiet --locked --root "$1" --version "$version" cargo-fuzz >&2
  rm -rf "$1/build"
}

make_once "$target" install
printf '%s\n' "$target/bin/cargo-fuzz"
