#!/usr/bin/env bash
# The project's papers: links inside the tree lead somewhere, and the licence is the one that is named.
# shellcheck source=tests/check/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

papers=$(find . -name '*.md' -not -path './target/*' -type f | sort)

# Links to files that are not there, as paper: link. The argument is put in front of every link.
dead() {
    local paper link
    printf '%s\n' "$papers" | while IFS= read -r paper; do
        grep -oE '\]\([^)#: ]+(#[^)]*)?\)' "$paper" | sed -E 's/^\]\(//; s/(#.*)?\)$//' | while IFS= read -r link; do
            [ -e "$(dirname "$paper")/$1$link" ] || echo "$paper: $link"
        done
    done
}
absent every_link_of_a_paper_leads_somewhere "$(dead '')" "$(dead 'no-such-folder/')"

# Papers of docs/ that the sources point to.
cited=$(grep -rhoE 'docs/[a-z0-9/-]+\.md' proto server client tests deny.toml --include='*.rs' --include='*.sh' --include='*.toml' | sort -u)
absent every_paper_that_a_source_cites_exists \
    "$(for one in $cited; do [ -e "$one" ] || echo "$one"; done)" \
    "$(for one in $cited; do [ -e "$one" ] && echo "$one"; done)"

holds the_licence_is_named_and_there \
    "$(head -n 2 LICENSE | grep -q 'GNU AFFERO GENERAL PUBLIC LICENSE' && grep -E '^license = "AGPL-3.0-or-later"' Cargo.toml)"
