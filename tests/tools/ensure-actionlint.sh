#!/usr/bin/env bash
# Installs actionlint into the cache if it is not there, and prints the program's path.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

version=1.7.12
target="$cache/actionlint-$version"

install() {
  say "actionlint $version: building it (once, about half a minute)"
  GOBIN="$1/bin" CGO_ENABLED=0 GOWORK=off GOFLAGS= go install "github.com/rhysd/actionlint/cmd/actionlint@v$version" >&2
}

make_once "$target" install
printf '%s\n' "$target/bin/actionlint"
