# Sourced by the scripts beside it.

# Where tools are kept, outside the clone; the same rule as tests/controlplane/src/tools.rs.
cache="${SOC2_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}}/soc2-operator"
mkdir -p "$cache"

say() { printf '%s\n' "$*" >&2; }

# make_once FOLDER COMMAND...: runs COMMAND with FOLDER, empty, as its last argument, unless that has
# succeeded before. A second process waits for the first. What a killed run left is removed.
make_once() {
  local target=$1
  shift
  if [ -e "$target/.complete" ]; then return 0; fi
  (
    if ! flock --nonblock 9; then
      say "$(basename "$target"): another process is making it; waiting ($target.lock)"
      flock 9
    fi
    if [ -e "$target/.complete" ]; then exit 0; fi
    rm -rf "$target"
    mkdir "$target"
    start=$SECONDS
    # Without the lock's descriptor, which a stray child would hold for as long as it lives.
    "$@" "$target" 9>&-
    touch "$target/.complete"
    say "$(basename "$target"): done in $((SECONDS - start)) s"
  ) 9>"$target.lock"
}
