#!/usr/bin/env bash
# fuzz.sh SECONDS [TARGET...]: runs every fuzz target, or those named, for this long each; 0 builds them only. Inputs that found something
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
cargo_fuzz=$("$tools/ensure-cargo-fuzz.sh")
target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target/fuzz"
target=$(cd "$target/fuzz" && pwd)
# The toolchain of the repository is pinned; sanitizers need nightly.
export RUSTUP_TOOLCHAIN=nightly
# A profile of the environment would be another build.
unset CARGO_PROFILE_DEV_INCREMENTAL

if [ $# -eq 0 ]; then mapfile -t targets < <("$cargo_fuzz" list); else targets=("$@"); fi
"$cargo_fuzz" build --target-dir "$target/build"
if [ "$seconds" -eq 0 ]; then exit 0; fi

# fuzz NAME: runs one target; its report is printed as a whole.
fuzz() {
  local name=$1 corpus=$target/corpus/$1 artifacts=$target/artifacts/$1
  mkdir -p "$corpus" "$artifacts"
  local options=(-max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1)
  # A scope of threads ends when their work has: what a thread that is on its way out still holds would count as leaked.
  options+=(-detect_leaks=0)
  if [ -f "fuzz/seeds/$name.dict" ]; then options+=(-dict="fuzz/seeds/$name.dict"); fi
  local log=$artifacts/last-run.log
  if ! "$target"/build/*/release/"$name" "$corpus" "fuzz/seeds/$name" "${options[@]}" \
    -artifact_prefix="$artifacts/" >"$log" 2>&1; then
    printf '%s\nfuzz %s failed. Again: %s FILE, with the file that the lines above name\n' \
      "$(tail -n 60 "$log")" "$name" "$(ls "$target"/build/*/release/"$name")"
    return 1
  fi
  printf 'fuzz %s: %s s\n%s\n' "$name" "$seconds" \
    "$(grep -E '^(stat::number_of_executed_units|stat::new_units_added|stat::peak_rss_mb)' "$log" | sed 's/^/  /')"
}

# One target a core.
pids=() status=0
for name in "${targets[@]}"; do
  while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do wait -n || true; done
  fuzz "$name" &
  pids+=("$!")
done
for pid in "${pids[@]}"; do wait "$pid" || status=1; done
exit "$status"
