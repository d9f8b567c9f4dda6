#!/usr/bin/env bash
# Install whyspend into a folder of the job: the code of this action with the versions it was tested with, or a release.
set -euo pipefail
extras=${WHYSPEND_EXTRAS:+[$WHYSPEND_EXTRAS]}
if [ -n "${WHYSPEND_VERSION:-}" ]; then
  wanted=("whyspend$extras==$WHYSPEND_VERSION")
else
  wanted=(-c "$GITHUB_ACTION_PATH/constraints.txt" "$GITHUB_ACTION_PATH$extras")
fi
"$GITHUB_ACTION_PATH/scripts/environment" "$RUNNER_TEMP/whyspend" "${wanted[@]}"
