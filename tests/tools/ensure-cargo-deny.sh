#!/usr/bin/env bash
# Installs cargo-deny into the cache if it is not there, and prints the program's path.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

version=0.20.2
target="$cache/cargo-deny-$version"

install() {
  say "cargo-deny $version: building it (once, a few minutes on two cores)"
  # Its checks take a second either way, so the time is better saved in the build.
  CARGO_TARGET_DIR="$1/build" \
    CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
    cargo install --quiet --locked --root "$1" --version "$version" cargo-deny >&2
  rm -rf "$1/build"
}

make_once "$target" install
printf '%s\n' "$target/bin/cargo-deny"
