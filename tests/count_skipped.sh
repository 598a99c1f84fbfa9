#!/usr/bin/env bash
# tests/count_skipped.sh COMMAND...: runs tests, and says in the end how many were skipped and what they need. Exits as the
# command does.
set -uo pipefail
ATTUNE_SKIPPED=$(mktemp)
export ATTUNE_SKIPPED
trap 'rm -f "$ATTUNE_SKIPPED"' EXIT
"$@"
code=$?
if [[ -s $ATTUNE_SKIPPED ]]; then
  printf '%s tests were skipped:\n' "$(wc -l <"$ATTUNE_SKIPPED")"
  cut -f2 "$ATTUNE_SKIPPED" | sort | uniq -c | sort -rn | head -n 20
fi
exit "$code"
