#!/usr/bin/env bash
# Writes the pages of this folder from what the installed components say of themselves: docs/reference/make.sh [ATTUNE]
set -euo pipefail
attune=${1:-build/bin/attune}
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
ids=$("$attune" plugins --json | sed -n 's/^ *"id": "\(.*\)",$/\1/p')
index=docs/reference/README.md
printf '# Components\n\nWritten by `docs/reference/make.sh` from what the components say of themselves.\n\n| id | kind | summary |\n|---|---|---|\n' >"$index"
for id in $ids; do
  "$attune" describe "$id" --markdown >"docs/reference/$id.md"
  kind=$("$attune" describe "$id" --json | sed -n 's/^  "kind": "\(.*\)",$/\1/p')
  summary=$("$attune" describe "$id" --json | sed -n 's/^  "summary": "\(.*\)",$/\1/p')
  printf '| [`%s`](%s.md) | %s | %s |\n' "$id" "$id" "$kind" "$summary" >>"$index"
done
