#!/usr/bin/env bash
# Versions below which a dependency is not safe, so that it holds where the advisory is not in the database that
# `cargo deny` reads, and where that database cannot be had. Every version of the crate in Cargo.lock must reach
# the floor. And the budget of crates in the lock file.
# shellcheck source=tests/check/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# name, floor, must (it is in the lock file) or may (only if it is there)
floors='
openmls                  0.9.0    must
openmls_rust_crypto      0.6.0    must
openmls_traits           0.6.0    must
hpke-rs                  0.6.0    must
hpke-rs-rust-crypto      0.6.0    must
quinn-proto              0.11.15  must
rustls                   0.23.45  must
rustls-webpki            0.103.13 must
libcrux-chacha20poly1305 0.0.8    may
libcrux-ecdh             0.0.6    may
libcrux-ed25519          0.0.7    may
libcrux-intrinsics       0.0.4    may
libcrux-poly1305         0.0.5    may
libcrux-secrets          0.0.6    may
libcrux-sha3             0.0.10   may
'

# The floors against a lock file, one complaint a line.
below() {
    awk -v floors="$floors" '
        function number(version,   part) {
            sub(/[-+].*/, "", version)
            split(version, part, ".")
            return part[1] * 1000000000 + part[2] * 1000000 + part[3]
        }
        BEGIN {
            count = split(floors, line, "\n")
            for (i = 1; i <= count; i++) if (split(line[i], word, " ") == 3) {
                floor[word[1]] = word[2]
                need[word[1]] = word[3]
            }
        }
        /^name = / { gsub(/"/, "", $3); name = $3 }
        /^version = / && name != "" {
            gsub(/"/, "", $3)
            if (name in floor) {
                seen[name] = 1
                if (number($3) < number(floor[name])) print name " " $3 " is below its floor " floor[name]
            }
            name = ""
        }
        END { for (name in floor) if (need[name] == "must" && !(name in seen)) print name " is not in the lock file" }
    ' "$1"
}

lowered() { sed -E '/^name = "(openmls|quinn-proto|hpke-rs)"$/{n;s/"[^"]*"/"0.0.1"/}' Cargo.lock; }
renamed() { sed -E 's/^name = "rustls"$/name = "rustls2"/' Cargo.lock; }

absent versions_stay_above_the_floors "$(below Cargo.lock)" "$(lowered | below /dev/stdin | grep -c 'below its floor' | grep -x 3)"
holds a_floor_without_its_crate_is_told "$(renamed | below /dev/stdin | grep 'rustls is not in the lock file')"

budget=465
crates=$(grep -c '^name = ' Cargo.lock)
holds the_lock_file_stays_within_its_budget_of_crates "$([ "$crates" -gt 100 ] && [ "$crates" -lt "$budget" ] && echo "$crates")" \
    "$crates crates, fewer than $budget are allowed: drop one, or say in docs/decisions why not"
