#!/usr/bin/env bash
# `whyspend daily`. Its exit code is an output, not the end of the job: what comes after it happens in any case.
set -euo pipefail
# shellcheck source=scripts/action/common.sh
. "$(dirname "$0")/common.sh"

code=0
keep=$WHYSPEND_PULL
: >"$pages/daily.log"
arguments=(daily --by "$WHYSPEND_BY" "${place[@]}")
[ "$WHYSPEND_NOTIFY" = true ] || arguments+=(--no-notify)
if [ "$WHYSPEND_PULL" != true ]; then
  arguments+=(--no-pull)
elif [ ! -e "$WHYSPEND_LEDGER" ] && [ -n "$WHYSPEND_SINCE" ]; then
  "$whyspend" pull --since "$WHYSPEND_SINCE" "${place[@]}" 2>>"$pages/daily.log" || code=$?
  # A ledger that was filled in part would look as if it were whole tomorrow: begin anew then.
  [ "$code" = 0 ] || keep=false
fi
daily=0
"$whyspend" "${arguments[@]}" >"$pages/daily.txt" 2>>"$pages/daily.log" || daily=$?
code=$(worst "$code" "$daily")

# The channel `github` writes annotations, one a line and escaped; nothing else begins like them.
annotation='^::(error|warning|notice) title='
grep -vE "$annotation" "$pages/daily.log" >"$pages/told.log" || true
show "$pages/told.log"
show "$pages/daily.txt"
grep -E "$annotation" "$pages/daily.log" || true
{
  echo "code=$code"
  echo "keep=$keep"
} >>"$GITHUB_OUTPUT"
