# shellcheck shell=bash
# What the steps share. Sourced, never run.

whyspend=$RUNNER_TEMP/whyspend/bin/whyspend
pages=$RUNNER_TEMP/whyspend-pages
mkdir -p "$pages"

place=(--ledger "$WHYSPEND_LEDGER")
[ -z "${WHYSPEND_CONFIG:-}" ] || place+=(--config "$WHYSPEND_CONFIG")

# Print a file into the log. Its names come from traces: none of its lines is a command to the runner.
show() {
  local word
  word=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  printf '::stop-commands::%s\n' "$word"
  cat "$1"
  printf '\n::%s::\n' "$word"
}

worst() {
  echo $(($1 > $2 ? $1 : $2))
}
