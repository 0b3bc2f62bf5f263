#!/usr/bin/env bash
# fuzz.sh SECONDS [TARGET...]: runs every fuzz target, or those named, for this long each. Inputs that found something
# new are kept in <target>/fuzz/corpus/ and tried first the next time; what breaks a target is in <target>/fuzz/artifacts/,
# and the last lines say how to run it again. Needs the nightly toolchain; without it nothing runs, and a line says so.
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=${1:?"how many seconds? fuzz.sh SECONDS [TARGET...]"}
shift
if ! rustup toolchain list 2>/dev/null | grep --quiet '^nightly'; then
  echo "fuzz: SKIPPED, no target was run: there is no nightly toolchain; rustup toolchain install nightly --profile minimal"
  exit 0
fi
tools=$PWD/tests/tools
fuzz=$("$tools/ensure-cargo-fuzz.sh")
target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target/fuzz"
target=$(cd "$target/fuzz" && pwd)
# The toolchain of the repository is pinned; sanitizers need nightly.
export RUSTUP_TOOLCHAIN=nightly
# A profile of the environment would be another build.
unset CARGO_PROFILE_DEV_INCREMENTAL

if [ $# -eq 0 ]; then mapfile -t targets < <("$fuzz" list); else targets=("$@"); fi
"$fuzz" build --target-dir "$target/build"
for name in "${targets[@]}"; do
  corpus=$target/corpus/$name artifacts=$target/artifacts/$name
  mkdir -p "$corpus" "$artifacts"
  options=(-max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1)
  if [ -f "fuzz/seeds/$name.dict" ]; then options+=(-dict="fuzz/seeds/$name.dict"); fi
  printf 'fuzz %s: %s s\n' "$name" "$seconds"
  log=$artifacts/last-run.log
  if ! "$target"/build/*/release/"$name" "$corpus" "fuzz/seeds/$name" "${options[@]}" \
    -artifact_prefix="$artifacts/" >"$log" 2>&1; then
    tail -n 60 "$log"
    printf '\nfuzz %s failed. Again: %s FILE, with the file that the lines above name\n' \
      "$name" "$(ls "$target"/build/*/release/"$name")"
    exit 1
  fi
  grep -E '^(stat::number_of_executed_units|stat::new_units_added|stat::peak_rss_mb)' "$log" | sed 's/^/  /'
done
