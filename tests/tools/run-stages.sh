#!/usr/bin/env bash
# run-stages.sh [STAGE...]: runs the stages of `make test`, all of them unless some are named. Each is
# timed, and its output is kept in <target>/test-logs/<stage>.log. The first one that fails ends the run.
# Stages with a `+` between them run at the same time: none keeps two cores busy. A line says when one beside the first has ended.
# The last line is always `N passed, N failed`, over the Rust and the Python tests of this run.
set -uo pipefail
cd "$(dirname "$0")/../.."

all_stages=(lint build tools generated unit+clients+servers+fuzz e2e+smoke)
tools=$PWD/tests/tools
target=${CARGO_TARGET_DIR:-target}
logs=$target/test-logs
rm -rf "$logs"
mkdir -p "$logs"
target=$(cd "$target" && pwd)
# Every test command selects the whole workspace, and then targets in it: cargo unites the features of
# what is selected, so that other selections would compile the dependencies again.
cargo_test=(cargo test --workspace --no-fail-fast)

stage_lint() {
  cargo fmt --check
  cargo clippy --workspace --all-targets --locked -- -D warnings
  local deny
  deny=$("$tools/ensure-cargo-deny.sh")
  "$deny" --log-level warn check bans licenses sources
}

stage_build() {
  cargo build --workspace --all-targets
  "$tools/fuzz.sh" 0
}

stage_tools() {
  "$target/debug/controlplane" tools
  "$tools/ensure-venv.sh"
}

stage_generated() {
  "$target/debug/crdgen" --check
  python3 "$tools/chart-readme.py" --check
  python3 "$tools/controls.py" --check
}

# Properties are tried on the same cases each time, so that one verdict is for one state of the code. A soak tries
# others each time, and many more.
stage_unit() {
  if [ -z "${SOC2_SOAK:-}" ]; then export PROPTEST_RNG_SEED=${PROPTEST_RNG_SEED:-1}; fi
  "${cargo_test[@]}" --lib --bins
  local folder folders=(crds/tests)
  for folder in controller/*/tests; do
    if [ "$folder" != controller/aws/tests ]; then folders+=("$folder"); fi
  done
  run_integration "${folders[@]}"
  "${cargo_test[@]}" --doc
}

# What reads AWS, against the sandbox with AWS's own limits: it mostly waits.
stage_clients() {
  run_integration controller/aws/tests
}

# The servers that other tests stand on, which mostly wait.
stage_servers() {
  run_integration tests/controlplane/tests tests/sandbox/tests
}

# Long enough to try every seed and find what is near them; the soak goes further.
stage_fuzz() {
  local seconds=15
  if [ -n "${SOC2_SOAK:-}" ]; then seconds=600; fi
  "$tools/fuzz.sh" "$seconds"
}

stage_e2e() {
  use_venv
  # All at once: which tests go on, and how many, is for tests/e2e/src/turn.rs. The others wait there, for longer than a minute.
  export RUST_TEST_THREADS=${RUST_TEST_THREADS:-500}
  run_integration tests/e2e/tests 2>&1 | grep --line-buffered -v 'has been running for over 60 seconds$'
}

stage_smoke() {
  use_venv
  local files=()
  mapfile -t files < <(find tests deploy -name 'test_*.py' | sort)
  if [ ${#files[@]} -eq 0 ]; then
    echo "no Python tests yet"
    return
  fi
  python3 -m pytest --quiet -p no:cacheprovider "${files[@]}"
}

# The Python tools come first in PATH, and the programs under test are named.
use_venv() {
  local venv
  venv=$("$tools/ensure-venv.sh")
  export PATH=$venv:$PATH PYTHONDONTWRITEBYTECODE=1
  export SOC2_OPERATOR=$target/debug/soc2-operator AWS_SANDBOX=$target/debug/aws-sandbox SOC2CTL=$target/debug/soc2ctl
}

# run_integration FOLDER...: runs the integration tests in these folders.
run_integration() {
  local selection=() file
  for file in $(find "$@" -maxdepth 1 -name '*.rs' 2>/dev/null | sort); do
    selection+=(--test "$(basename "$file" .rs)")
  done
  # A test program of several files is a folder with a main.rs.
  for file in $(find "$@" -mindepth 2 -maxdepth 2 -name main.rs 2>/dev/null | sort); do
    selection+=(--test "$(basename "$(dirname "$file")")")
  done
  if [ ${#selection[@]} -gt 0 ]; then "${cargo_test[@]}" "${selection[@]}"; fi
}

times=""
# run_stages NAME[+NAME...]: what the first prints is shown as it comes, what the others print when all have ended.
run_stages() {
  local names name first
  IFS=+ read -r -a names <<<"$1"
  first=${names[0]}
  for name in "${names[@]:1}"; do beside "$name" & done
  printf '\n=== %s\n' "$first"
  timed "$first" 2>&1 | tee "$logs/$first.log"
  wait
  for name in "${names[@]:1}"; do
    printf '\n=== %s, at the same time\n' "$name"
    cat "$logs/$name.log"
  done
  for name in "${names[@]}"; do conclude "$name"; done
}

# beside NAME: runs a stage beside another one.
beside() {
  local seconds status
  timed "$1" >"$logs/$1.log" 2>&1
  read -r seconds status <"$logs/$1.end"
  if [ "$status" -eq 0 ]; then echo "--- $1 passed in $seconds s"; else echo "--- $1 FAILED: $logs/$1.log"; fi
}

# timed NAME: runs a stage, and keeps how long it took and how it ended.
timed() {
  local start=$SECONDS status
  (set -e; "stage_$1")
  status=$?
  echo "$((SECONDS - start)) $status" >"$logs/$1.end"
}

conclude() {
  local seconds status
  read -r seconds status <"$logs/$1.end"
  times+=$(printf '%-10s %5d s' "$1" "$seconds")$'\n'
  if [ "$status" -ne 0 ]; then
    printf '\n=== %s failed; the end of %s:\n' "$1" "$logs/$1.log"
    tail -n 40 "$logs/$1.log"
    finish "$1"
  fi
}

# finish [STAGE]: prints times and counts, and exits; STAGE is the one that failed.
finish() {
  local passed failed
  read -r passed failed < <(cat "$logs"/*.log | awk '
    /^test result: .* passed; .* failed;/ { passed += $4; failed += $6 }
    /(passed|failed|errors?).* in [0-9.]+s/ {
      for (i = 2; i <= NF; i++) {
        if ($i ~ /^passed,?$/) passed += $(i - 1)
        if ($i ~ /^(failed|errors?),?$/) failed += $(i - 1)
      }
    }
    END { print passed + 0, failed + 0 }')
  # A stage without tests in it can fail too, and must not look like success.
  if [ -n "${1:-}" ] && [ "$failed" -eq 0 ]; then failed=1; fi
  printf '\n%s%-10s %5d s\n\n%d passed, %d failed\n' "$times" total "$SECONDS" "$passed" "$failed"
  exit $((failed > 0))
}

if [ $# -eq 0 ]; then set -- "${all_stages[@]}"; fi
for stage in ${*//+/ }; do
  if ! declare -F "stage_$stage" >/dev/null; then
    echo "no stage '$stage'; there are: ${all_stages[*]}" >&2
    exit 2
  fi
done
for stages in "$@"; do run_stages "$stages"; done
finish
