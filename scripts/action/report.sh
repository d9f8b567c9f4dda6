#!/usr/bin/env bash
# The pages of the ledger: a CSV file, Markdown for the job summary and the comment, annotations for broken budgets.
set -euo pipefail
# shellcheck source=scripts/action/common.sh
. "$(dirname "$0")/common.sh"

code=$WHYSPEND_CODE
: >"$pages/report.log"

# Ask whyspend, into a file. The exit code of a gate is for the caller.
ask() {
  local output=$1 failed=0
  shift
  "$whyspend" "$@" "${place[@]}" -o "$output" 2>>"$pages/report.log" || failed=$?
  return "$failed"
}

# A section of the page: the heading, and the answer or why there is none.
section() {
  local failed=0
  ask "$pages/answer.md" "${@:2}" --format markdown || failed=$?
  printf '## %s\n\n' "$1" >>"$pages/whyspend.md"
  if [ -e "$pages/answer.md" ]; then
    cat "$pages/answer.md" >>"$pages/whyspend.md"
  else
    printf 'There is no answer. The log of the job says why.\n' >>"$pages/whyspend.md"
  fi
  printf '\n' >>"$pages/whyspend.md"
  rm -f "$pages/answer.md"
  code=$(worst "$code" "$failed")
}

days=day,$WHYSPEND_BY
case ",$WHYSPEND_BY," in *,day,*) days=$WHYSPEND_BY ;; esac
gate=()
[ -z "${WHYSPEND_FAIL_UNDER:-}" ] || gate=(--fail-under "$WHYSPEND_FAIL_UNDER")

rm -f "$pages"/whyspend.* "$pages/budgets.json"
section 'Cost of LLM calls' report --by "$WHYSPEND_BY"
section 'Budgets' budgets
section 'Owners' coverage ${gate[@]+"${gate[@]}"}
ask "$pages/whyspend.csv" report --by "$days" --format csv || code=$(worst "$code" $?)
ask "$pages/budgets.json" budgets --format json || code=$(worst "$code" $?)

show "$pages/report.log"
if [ -e "$pages/budgets.json" ]; then
  "$RUNNER_TEMP/whyspend/bin/python" "$(dirname "$0")/annotate.py" "$pages/budgets.json"
fi
# A step whose summary is larger than 1 MiB loses all of it; a line that is cut goes, too.
if [ "$(wc -c <"$pages/whyspend.md")" -gt 1000000 ]; then
  head -c 1000000 "$pages/whyspend.md" | sed '$d' >>"$GITHUB_STEP_SUMMARY"
else
  cat "$pages/whyspend.md" >>"$GITHUB_STEP_SUMMARY"
fi
{
  echo "code=$code"
  echo "markdown=$pages/whyspend.md"
  [ ! -e "$pages/whyspend.csv" ] || echo "csv=$pages/whyspend.csv"
} >>"$GITHUB_OUTPUT"
