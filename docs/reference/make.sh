#!/usr/bin/env bash
# Writes the pages of this folder, and the tables of components in README.md, docs/methods.md and docs/specs.md, from what the components
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

# fact ID REGEX: the part in parentheses of its capabilities.
fact() { sed -nE "s/^- Capabilities: .*$2.*/\\1/p" "$folder/docs/reference/$1.md"; }

# row ID SUMMARY: those of docs/specs.md and, for a method, of README.md.
row() {
  printf '| [`%s`](reference/%s.md) | %s |' "$1" "$1" "$2"
  local range
  range=$(fact "$1" 'from ([^ ]* to [^ ,]*)')
  printf '%s\n' "${range:+ $range |}"
}
readme_row() {
  local size passes
  size=$(fact "$1" "map at (.*)")
  passes=$(fact "$1" 'passes: ([^,]*, [^,]*)')
  printf '| [`%s`](docs/reference/%s.md) | %s | %s | %s |\n' "$1" "$1" "$2" "$size" "$passes"
}

# said ID WHAT: what else its page says in a line of its own, fit for the cell of a table.
said() { sed -n "s/^- $2: //p" "$folder/docs/reference/$1.md" | sed 's/|/\\|/g'; }

# methods_row ID: that of docs/methods.md, in the table of the method's first group.
methods_row() {
  local group loss passes
  group=$(fact "$1" 'of the groups? (\w+)')
  passes=$(fact "$1" 'passes: ([^,]*, [^,]*)')
  loss=$(said "$1" 'In a loss')
  grep -q "^| ${group:=wrapper} | formula" docs/methods.md || { echo "docs/methods.md has no table of $group" >&2; exit 1; }
  rows_of[$group]+=$(printf '| [`%s`](reference/%s.md) | %s | %s | %s | %s | %s | %s |' "$1" "$1" \
    "$(said "$1" Formula)" "$(said "$1" Reads)" "$passes" "${loss#derivatives of order }" \
    "$(said "$1" 'Works on')" "$(said "$1" Misleads)")$'\n'
}

# tables FILE: with the rows of components below the heads of their tables.
tables() {
  local text
  text=$(readme=$readme methods=$methods matchers=$matchers correlations=$correlations \
    cam=${rows_of[cam]-} gradient=${rows_of[gradient]-} perturbation=${rows_of[perturbation]-} \
    attention=${rows_of[attention]-} control=${rows_of[control]-} wrapper=${rows_of[wrapper]-} awk '
    /^\|---/ && rows != "" { print; printf "%s", rows; rows = ""; skip = 1; next }
    /^\| id \| shows/ { rows = ENVIRON["readme"] }
    /^\| `use` \| shows/ { rows = ENVIRON["methods"] }
    /^\| `match` \| does/ { rows = ENVIRON["matchers"] }
    /^\| `compare` \| measures/ { rows = ENVIRON["correlations"] }
    /^\| [a-z]+ \| formula/ { rows = ENVIRON[$2] }
    !/^\|/ { skip = 0 }
    !skip { print }
  ' "$1")
  printf '%s\n' "$text" >"$folder/$1"
}

index="$folder/docs/reference/README.md"
printf '# Components\n\nWritten by `docs/reference/make.sh` from what the components say of themselves.\n\n| id | kind | summary |\n|---|---|---|\n' >"$index"
readme= methods= matchers= correlations=
declare -A rows_of
for id in $("$attune" plugins --json | sed -n 's/^ *"id": "\(.*\)",$/\1/p'); do
  described=$("$attune" describe "$id" --markdown)
  kind=$(sed -n '3s/^`[^`]*`, \([a-z]*\)[.] .*/\1/p' <<<"$described")
  summary=$(sed -n '3s/^[^.]*[.] \(.*\)[.]$/\1/p' <<<"$described")
  page "$described" "plugins/$kind/$id/$id.cpp" >"$folder/docs/reference/$id.md"
  printf '| [`%s`](%s.md) | %s | %s |\n' "$id" "$id" "$kind" "$summary" >>"$index"
  case $kind in
    method)
      methods+=$(row "$id" "$summary")$'\n'
      readme+=$(readme_row "$id" "$summary")$'\n'
      methods_row "$id" ;;
    matcher) matchers+=$(row "$id" "$summary")$'\n' ;;
    correlation) correlations+=$(row "$id" "$summary")$'\n' ;;
  esac
done
tables README.md
tables docs/methods.md
tables docs/specs.md
