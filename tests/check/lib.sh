# Shared by the checks in this folder. Each check has a name that is a sentence and says `ok NAME` or
# `FAIL NAME` with what it found; docs/cases.md may name a check as it names a test.
#
# An absence proves nothing if the search is misspelt. So `absent` takes two searches that differ only in
# where they look: the first must find nothing, the second must find something.

set -uo pipefail
export LC_ALL=C CARGO_TERM_COLOR=never
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 2

ok() { printf 'ok   %s\n' "$1"; }
fail() {
    printf 'FAIL %s\n' "$1"
    [ -z "${2-}" ] || printf '%s\n' "$2" | head -n 20 | sed 's/^/       /'
}

# absent NAME FOUND PRESENCE: FOUND must be empty and PRESENCE must not.
absent() {
    if [ -n "$2" ]; then
        fail "$1" "$2"
    elif [ -z "$3" ]; then
        fail "$1" "the same search finds nothing where it must find something: it is misspelt, or what it guards has moved"
    else
        ok "$1"
    fi
}

# holds NAME FINDING: the finding must not be empty.
holds() { if [ -n "$2" ]; then ok "$1"; else fail "$1" "${3-nothing found}"; fi; }

# Files and folders of modules that a line `#[cfg(test)]` above their `mod NAME;` keeps out of the programs.
test_modules() {
    find "$@" -name '*.rs' -type f | sort | while IFS= read -r file; do
        case $file in
            */mod.rs | */lib.rs | */main.rs) base=${file%/*} ;;
            *) base=${file%.rs} ;;
        esac
        awk -v base="$base" '
            /^#\[cfg\(test\)\]/ { held = 1; next }
            held && /^#\[/ { next }
            held && /^(pub(\([a-z]+\))? )?mod [a-z_]+;/ { sub(/;.*/, ""); print base "/" $NF ".rs"; print base "/" $NF "/" }
            { held = 0 }
        ' "$file"
    done
}

# Our code as file:line:text, without comment lines and, unless `with_tests` is set, without test modules, at
# the end of a file or in files of their own.
code() {
    local paths=() path
    for path in "$@"; do [ -e "$path" ] && paths+=("$path"); done
    [ "${#paths[@]}" -gt 0 ] || return 0
    local kept_out=
    [ -n "${with_tests-}" ] || kept_out=$(test_modules "${paths[@]}")
    find "${paths[@]}" -name '*.rs' -type f | sort | {
        if [ -n "$kept_out" ]; then grep -vF "$kept_out" || true; else cat; fi
    } | while IFS= read -r file; do
        awk -v file="$file" -v with_tests="${with_tests-}" '
            /^#\[cfg\(test\)\]/ { held = 1; next }
            held && !with_tests && /^(pub )?mod [a-z_]+ *\{/ { exit }
            { held = 0 }
            /^[ \t]*\/\// { next }
            { print file ":" FNR ":" $0 }
        ' "$file"
    done
}

# Lines of the code below the paths that match the pattern. code_named PATTERN PATH..
code_named() {
    local pattern=$1
    shift
    code "$@" | grep -E "^[^:]*:[0-9]+:.*($pattern)" || true
}

# The packages that PACKAGE links, as `name`, one a line. linked PACKAGE [cargo tree option]..
linked() {
    local package=$1
    shift
    cargo tree --locked -q -p "$package" -e normal,build --prefix none -f '{p}' "$@" | awk 'NF { print $1 }' | sort -u
}

# How WHAT comes into PACKAGE: empty if it does not. Any other failure of cargo tree is printed, so that it
# is never taken for an absence.
comes_by() {
    local out
    if out=$(cargo tree --locked -q -p "$1" -e "${3-normal,build}" -i "$2" 2>&1); then
        printf '%s\n' "$out" | grep -v 'nothing to print' | grep -v 'To find dependencies that require' | grep . || true
    else
        printf '%s\n' "$out" | grep -v 'did not match any packages' | grep . || true
    fi
}

# The folder of a dependency's sources. source_of NAME
source_of() {
    cargo metadata --locked -q --format-version 1 2>/dev/null |
        grep -oE "\"manifest_path\":\"[^\"]*/$1-[0-9][^/\"]*/Cargo.toml\"" | head -n 1 | sed 's/^"manifest_path":"//; s#/Cargo.toml"$##'
}
