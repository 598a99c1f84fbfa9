#!/usr/bin/env bash
# Writes the pages of this folder, and the tables of matchers and correlations in docs/specs.md, from what the components
# say of themselves and from the comment that the source of each begins with: docs/reference/make.sh [ATTUNE [FOLDER]].
# FOLDER is the root of the tree that is written to.
set -euo pipefail
attune=$(realpath "${1:-build/bin/attune}")
folder=$(realpath "${2:-$(dirname "${BASH_SOURCE[0]}")/../..}")
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
mkdir -p "$folder/docs/reference"

# page DESCRIPTION SOURCE: what `attune describe` says, with the source's text in between: its first paragraph behind the
# summary, the table of parameters under their heading.
page() {
  local head
  head=$(sed -n '\|^//|!q; s|^// \{0,1\}||p' "$2")
  if [[ $head != *$'\n## '* ]]; then  # a plugin with a README
    printf '%s\n' "$1"
    return
  fi
  awk '
    FNR == 1 && NR > 1 { print "" }
    NR == FNR && FNR <= 3 { print; next }
    NR == FNR { if (/^\|/) table = table $0 "\n"; else if (/^-/) facts = facts $0 "\n"; next }
    /^## / { printf "%s", facts == "" ? "" : facts "\n"; facts = "" }
    { print }
    /^## Parameters$/ { printf "\n%s", table; table = "" }
    END { if (table != "") { print "no heading \"## Parameters\"" > "/dev/stderr"; exit 1 } }
  ' <(printf '%s\n' "$1") <(printf '%s\n' "$head")
}

# row ID SUMMARY: that of docs/specs.md.
row() {
  local range
  range=$(sed -n 's/^- Capabilities: .*, from \([^ ]*\) to \([^ ,]*\).*/\1 to \2/p' "$folder/docs/reference/$1.md")
  printf '| [`%s`](reference/%s.md) | %s |%s\n' "$1" "$1" "$2" "${range:+ $range |}"
}

index="$folder/docs/reference/README.md"
printf '# Components\n\nWritten by `docs/reference/make.sh` from what the components say of themselves.\n\n| id | kind | summary |\n|---|---|---|\n' >"$index"
matchers= correlations=
for id in $("$attune" plugins --json | sed -n 's/^ *"id": "\(.*\)",$/\1/p'); do
  described=$("$attune" describe "$id" --markdown)
  kind=$(sed -n '3s/^`[^`]*`, \([a-z]*\)[.] .*/\1/p' <<<"$described")
  summary=$(sed -n '3s/^[^.]*[.] \(.*\)[.]$/\1/p' <<<"$described")
  page "$described" "plugins/$kind/$id/$id.cpp" >"$folder/docs/reference/$id.md"
  printf '| [`%s`](%s.md) | %s | %s |\n' "$id" "$id" "$kind" "$summary" >>"$index"
  case $kind in
    matcher) matchers+=$(row "$id" "$summary")$'\n' ;;
    correlation) correlations+=$(row "$id" "$summary")$'\n' ;;
  esac
done

# Below the heads of those two tables.
specs=$(matchers=$matchers correlations=$correlations awk '
  /^\|---/ && rows != "" { print; printf "%s", rows; rows = ""; skip = 1; next }
  /^\| `match` \| does/ { rows = ENVIRON["matchers"] }
  /^\| `compare` \| measures/ { rows = ENVIRON["correlations"] }
  !/^\|/ { skip = 0 }
  !skip { print }
' docs/specs.md)
printf '%s\n' "$specs" >"$folder/docs/specs.md"
