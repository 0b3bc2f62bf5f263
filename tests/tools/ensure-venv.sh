#!/usr/bin/env bash
# Makes a Python environment with boto3, the AWS CLI, moto, pytest and linters in the cache if it is not there, and
# prints its folder of programs.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

requirements="$(cd "$(dirname "$0")/../python" && pwd)/requirements.txt"
key=$({ cat "$requirements"; python3 --version; } | sha256sum | cut -c1-12)
target="$cache/python-$key"

install() {
  say "python tools: installing boto3, awscli, moto, pytest and linters (once, about a minute)"
  python3 -m venv "$1"
  "$1/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements" >&2
}

make_once "$target" install
printf '%s\n' "$target/bin"
