#!/usr/bin/env bash
# docs/cases.md against the tree: every case is in the table, names at least one test or check, and each named
# one exists: a function under a test attribute, or a check of this folder.
# shellcheck source=tests/check/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

table=docs/cases.md
cases='P-01 P-03 P-05 P-06 P-07 P-08 P-09 P-11 S-01 S-02 S-05 S-10 N-07 N-08 R-10 R-11 D-15 D-16 U-04 U-08 I-13 I-14 I-21 D-01 D-02 D-03 D-05 D-07 D-08 D-10 D-11 D-12 D-13 D-14 D-19 D-20 I-04 I-05 I-24 I-26 I-31 I-06 I-29 I-30 N-01 N-02 N-04 N-05 N-09 M-17 M-01 M-02 M-03 M-04 M-05 M-06 M-07 M-10 M-11 M-13 M-14 R-30 I-07 I-08 I-09 I-15 I-16 R-01 R-02 R-03 R-04 R-05 R-06 R-07 R-08 R-09 R-12 R-13 R-14 R-15 R-16 R-17 R-18 R-19 R-20 R-21 R-24 R-26 R-27 R-29 R-23 R-25 R-31 R-32 N-03 N-10 N-11 N-13 N-14 N-15 M-09 M-19 M-20 P-12 P-13 I-01 I-02 I-03 I-11 I-17 I-19 I-20 I-22 I-23 I-25 I-27 I-28 I-32 I-33 M-08 M-15 M-16 M-18 I-10 M-12 I-12 I-18 U-05 U-06 P-10 B-01 B-02 B-03 B-04 B-05 B-06 B-07 D-04 B-08 B-09 B-10 B-11 B-12 B-13 B-14 U-07 N-17 U-09 D-17 D-18'

# Names of all functions that a test attribute stands above (`#[test]`, `#[tokio::test(..)]`).
tested=$(find proto server client tests -name '*.rs' -type f -exec awk '
    FNR == 1 { held = 0 }
    /^[ \t]*#\[([a-z_]+::)?test(\(|\])/ { held = 1; next }
    held && match($0, /fn [a-z0-9_]+/) { print substr($0, RSTART + 3, RLENGTH - 3); held = 0 }
    /^[ \t]*}/ { held = 0 }
' {} + | sort -u)

# Names of all checks: the word after what reports it, and the parts of tests/run.
checked=$(sed -nE 's/^ *(absent|holds|only|has_feature) ([a-z0-9_]+).*/\2/p' tests/check/floors.sh tests/check/walls.sh
    sed -nE "s/^ *single '?([a-z ]+)'? run_.*/\1/p" tests/run | sed 's/ *$//; s/ /_/g')

# To the end, for what is cut off early counts as failed.
exists() { printf '%s\n%s\n' "$tested" "$checked" | grep -xF "$1" >/dev/null; }

row() { grep -E "^\| *$1 *\|" "$table"; }

for id in $cases; do
    name="case_${id//-/_}_names_what_tests_it"
    rows=$(row "$id")
    if [ "$(printf '%s\n' "$rows" | grep -c .)" != 1 ]; then
        fail "$name" "$table must have one row for $id"
        continue
    fi
    names=$(printf '%s\n' "$rows" | awk -F'|' '{ print $4 }' | grep -oE '`[^`]*`' | tr -d '`')
    if [ -z "$names" ]; then
        fail "$name" "$id names no test"
        continue
    fi
    missing=$(for one in $names; do exists "$one" || echo "$one"; done)
    if [ -n "$missing" ]; then fail "$name" "no such test or check: $(echo $missing)"; else ok "$name"; fi
done

# The search itself: it finds what is there, and not what is not.
if exists no_two_labels_share_a_text && exists versions_stay_above_the_floors && ! exists a_test_that_nobody_wrote; then
    ok a_named_test_is_looked_for_in_the_tree
else
    fail a_named_test_is_looked_for_in_the_tree "the search for tests finds nothing or everything"
fi
