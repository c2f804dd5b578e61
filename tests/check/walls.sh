#!/usr/bin/env bash
# The walls of ARCHITECTURE.md: what must be absent, each with the same search where it must be present.
# shellcheck source=tests/check/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

ours='proto/src server/src client/src tests/src'

# What cargo cannot tell is no absence.
holds every_package_of_ours_has_a_dependency_tree \
    "$(for one in proto server client tests; do [ "$(linked "caucus-$one" | grep -xc serde)" = 1 ] || echo "$one"; done | grep -q . || echo all)"

# --- invariant 1: proto does no I/O, reads no clock, draws no randomness ---------------------------------

outside='tokio|quinn|quinn-proto|rustls|mio|socket2|getrandom|rand|rand_chacha|fastrand|time|chrono|redb|sled|rustix'
absent proto_links_nothing_that_does_io_or_draws_randomness \
    "$(linked caucus-proto --all-features | grep -xE "$outside")" \
    "$(linked caucus-client | grep -xE "$outside")"

reach='std::(net|fs|time|thread|process|env|io)\b|std::\{|\b(tokio|quinn|getrandom|rand|rustix)::|use (tokio|quinn|getrandom|rand|rustix)\b|\bOsRng\b|SystemTime|Instant::now'
absent proto_names_no_socket_file_clock_thread_or_randomness \
    "$(code_named "$reach" proto/src)" \
    "$(code_named "$reach" server/src client/src)"

# --- invariant 2: the relay cannot link the MLS library or decrypt anything ------------------------------

absent the_relay_does_not_link_the_mls_library \
    "$(comes_by caucus-server openmls)" \
    "$(comes_by caucus-client openmls)"

members='^caucus-proto .*\[.*members.*\]'
proto_features() { cargo tree --locked -q -p "$1" -e normal --prefix none -f '{p} [{f}]'; }
absent the_relay_is_built_without_what_members_say \
    "$(proto_features caucus-server | grep -E "$members")" \
    "$(proto_features caucus-client | grep -E "$members")"

opens='caucus_proto::(org|envelope)\b|\b(chacha20poly1305|ed25519_dalek|openmls|hpke)\b'
absent the_relay_names_nothing_that_opens_an_entry \
    "$(code_named "$opens" server/src)" \
    "$(code_named "$opens" client/src)"

# --- arrows -----------------------------------------------------------------------------------------------

absent the_client_does_not_link_the_relay "$(comes_by caucus-client caucus-server)" "$(comes_by caucus-tests caucus-server)"
absent the_relay_does_not_link_the_client "$(comes_by caucus-server caucus-client)" "$(comes_by caucus-tests caucus-client)"

# only NAME PATTERN HOME ELSEWHERE..: the pattern is found in its home and nowhere else.
only() {
    local name=$1 pattern=$2 home=$3
    shift 3
    absent "$name" "$(code_named "$pattern" "$@" | grep -vE "^$home")" "$(code_named "$pattern" "$@" | grep -E "^$home")"
}

quinn='\bquinn(_proto)?::|use quinn\b'
only in_the_relay_only_net_names_quinn "$quinn" 'server/src/net[./]' server/src
only in_the_client_only_relay_names_quinn "$quinn" 'client/src/relay[./]' client/src
only in_the_relay_only_the_store_names_sled '\bsled::|use sled\b' 'server/src/store/' server/src
only in_the_client_only_mls_names_openmls '\bopenmls[a-z_]*::|use openmls' 'client/src/mls[./]' client/src
# What we cost is measured beside the library alone; the published vectors (tests/tests) are for the library itself.
only in_the_harness_only_the_cost_of_the_bare_library_names_openmls '\bopenmls[a-z_]*::|use openmls' 'tests/src/cost/bare\.rs' tests/src
only in_the_client_only_the_vault_names_redb '\bredb::|use redb\b' 'client/src/vault[./]' client/src
# shellcheck disable=SC2086
only only_the_codec_names_bincode '\bbincode::|use bincode\b' 'proto/src/codec\.rs:' $ours
absent only_proto_asks_for_bincode \
    "$(grep -lE '^bincode\b' server/Cargo.toml client/Cargo.toml tests/Cargo.toml)" \
    "$(grep -lE '^bincode\b' proto/Cargo.toml)"

below='(crate|super|caucus_client)::(super::)*(engine|mls|vault|relay)\b|crate::\{[^}]*\b(engine|mls|vault|relay)\b'
absent a_face_imports_app_and_nothing_below \
    "$(code_named "$below" client/src/cli client/src/agent)" \
    "$(code_named "$below" client/src/app client/src/engine)"

above='crate::(app|agent|cli)\b'
absent what_lies_below_app_does_not_name_it \
    "$(code_named "$above" client/src/engine client/src/mls client/src/vault client/src/relay)" \
    "$(code_named "$above" client/src/cli client/src/agent)"

absent mls_vault_and_relay_do_not_name_the_engine \
    "$(code_named 'crate::engine\b' client/src/mls client/src/vault client/src/relay)" \
    "$(code_named 'crate::engine\b' client/src/app)"

absent the_rules_and_the_store_of_the_relay_do_not_name_the_network \
    "$(code_named 'crate::net\b' server/src/relay server/src/store)" \
    "$(code_named '(crate|caucus_server)::net\b' server/src)"

absent wire_and_org_do_not_know_each_other \
    "$(code_named 'crate::wire\b' proto/src/org; code_named 'crate::(org|envelope)\b' proto/src/wire)" \
    "$(code_named 'crate::(wire|org)\b' proto/src/envelope)"

absent the_demo_knows_the_programs_from_outside_only \
    "$(code_named '\bcaucus_(server|client)\b' tests/src/bin)" \
    "$(with_tests=1 code_named '\bcaucus_(server|client)\b' tests/src tests/tests)"

# Where things lie may come from the environment; secrets, costs and clocks may not.
places='"(CAUCUS_HOME|HOME|PATH|XDG_[A-Z_]+|TMPDIR|TERM|NO_COLOR|COLUMNS)"'
absent the_programs_read_nothing_from_the_environment_but_places \
    "$(code_named '\benv::vars?(_os)?\(' server/src client/src | grep -vE "$places")" \
    "$(code_named '\benv::vars?(_os)?\(' server/src client/src | grep -E "$places")"

# --- case S-05: features ----------------------------------------------------------------------------------

# `name version [features]` of every package that is linked.
features=$(cargo tree --locked -q --workspace -e normal,build --prefix none -f '{p} [{f}]' | sed 's/ (\*)$//; s/ (proc-macro)//; s/ (\/[^)]*)//' | sort -u)
feature_lines() { printf '%s\n' "$features" | grep -E "^$1 v"; }

# Every listed version of the crate has the feature.
has_feature() {
    absent "$1" "$(feature_lines "$2" | grep -vE "[[,]$3[],]")" "$(feature_lines "$2" | grep -E "[[,]$3[],]")"
}
has_feature x25519_keys_are_zeroized x25519-dalek zeroize
has_feature ed25519_keys_are_zeroized ed25519-dalek zeroize
has_feature the_key_derivation_of_passphrases_zeroizes argon2 zeroize
# Version 0.10, which hpke-rs brings, zeroizes without a feature.
absent aead_keys_are_zeroized \
    "$(feature_lines chacha20poly1305 | grep -v ' v0\.10\.' | grep -vE '[[,]zeroize[],]')" \
    "$(feature_lines chacha20poly1305 | grep -E '[[,]zeroize[],]')"

absent rustls_is_built_without_ring "$(feature_lines 'rustls|quinn|quinn-proto' | grep -E '[[,](rustls-)?ring[],]')" "$(feature_lines rustls | grep -E '[[,]aws[-_]lc[-_]rs[],]')"
absent ring_is_not_linked "$(printf '%s\n' "$features" | grep -E '^ring v')" "$(printf '%s\n' "$features" | grep -E '^aws-lc-rs v')"
absent tls_1_2_is_not_built_in "$(feature_lines rustls | grep -E '[[,]tls12[],]')" "$(grep -E '^tls12 = ' "$(source_of rustls)/Cargo.toml")"

debug='(crypto-debug|content-debug)'
absent the_mls_library_prints_no_secrets "$(feature_lines 'openmls[a-z_]*' | grep -E "[[,]$debug[],]")" "$(grep -E "^$debug = " "$(source_of openmls)/Cargo.toml")"
absent quic_writes_no_log_of_packets "$(feature_lines 'quinn|quinn-proto' | grep -E '[[,]qlog[],]')" "$(grep -E '^qlog = ' "$(source_of quinn)/Cargo.toml")"

early='max_early_data_size|enable_early_data|into_0rtt|early_data\('
off='max_early_data_size *[=:] *0\b|enable_early_data *[=:] *false'
absent there_is_no_early_data \
    "$(code_named "$early" proto/src server/src client/src | grep -vE "$off")" \
    "$(code_named "$early" "$(source_of quinn)/src" "$(source_of rustls)/src")"

# --- case P-13: sums that overflow are noticed in releases too ----------------------------------------------

profile() { awk -v wanted="[$1]" '/^\[/ { inside = $0 == wanted } inside' Cargo.toml; }
holds our_sums_are_checked_in_releases "$(profile profile.release | grep -E '^overflow-checks *= *true')"

# --- case P-09: nothing is compressed ---------------------------------------------------------------------

squeezes='flate2|miniz_oxide|miniz-sys|libz-sys|libz-ng-sys|zlib-rs|libz-rs-sys|zstd|zstd-safe|zstd-sys|ruzstd|brotli|brotli-decompressor|lz4|lz4_flex|lz4-sys|lzma-sys|lzma-rs|xz2|liblzma|snap|bzip2|bzip2-sys|async-compression|zip|zopfli|deflate|inflate|weezl|compress|lzf|lzfse_rust'
packages() { sed -n 's/^name = "\(.*\)"$/\1/p' "$@"; }
absent nothing_that_compresses_is_in_the_tree \
    "$(packages Cargo.lock | grep -xE "$squeezes")" \
    "$( (cat Cargo.lock && printf 'name = "zstd"\n') | packages | grep -xE "$squeezes")"

# --- case U-09: nothing that reads pictures, sounds, films or fonts of others ------------------------------

media='image|png|jpeg-decoder|zune-.*|gif|image-webp|webp|libwebp-sys|tiff|exr|ravif|rav1e|dav1d|ffmpeg-.*|gstreamer.*|symphonia.*|lewton|minimp3.*|mp3lame.*|opus.*|resvg|usvg|ttf-parser|fontdue|rusttype|pdf.*|lopdf|kamadak-exif|id3|mp4.*|matroska'
absent nothing_that_reads_media_is_in_the_tree \
    "$(packages Cargo.lock | grep -xE "$media")" \
    "$( (cat Cargo.lock && printf 'name = "image"\n') | packages | grep -xE "$media")"

# --- case D-17: a notification has nothing to tell ---------------------------------------------------------

rings() { sed -n '/^pub trait Bell/,/^}/p' "$1" | grep -E '^ *fn '; }
told() { rings "$1" | grep -vxE ' *fn ring\(&self\);'; }
mislead=$(mktemp) && printf 'pub trait Bell {\n    fn ring(&self, text: &str);\n}\n' >"$mislead"
bell=client/src/app/notify.rs
[ -n "$(rings "$bell")" ] || bell=$mislead
absent a_notification_is_given_nothing_to_tell "$(told "$bell")" "$(told "$mislead")"
rm -f "$mislead"

# --- case S-10: no unsafe code ----------------------------------------------------------------------------

lints() { awk -v table="$2" '/^\[/ { inside = ($0 == table) } inside' "$1"; }
forbidden=$(lints Cargo.toml '[workspace.lints.rust]' | grep -E '^unsafe_code *= *"forbid"')
unbound=$(for crate in proto server client tests; do
    { [ -n "$forbidden" ] && lints "$crate/Cargo.toml" '[lints]' | grep -qE '^workspace *= *true'; } ||
        lints "$crate/Cargo.toml" '[lints.rust]' | grep -qE '^unsafe_code *= *"forbid"' || echo "$crate"
done)
absent every_crate_forbids_unsafe_code "$unbound" "$forbidden"
# shellcheck disable=SC2086
absent no_file_of_ours_has_unsafe_code "$(with_tests=1 code_named '\bunsafe\b' $ours tests/tests)" "$(code_named '\bunsafe\b' "$(source_of bytes)/src")"

# --- case P-11: every hash, derivation and signature names a label of the registry ------------------------

only labels_are_written_in_the_registry_only '"caucus [0-9]+ ' 'proto/src/label\.rs:' proto/src server/src client/src
absent proto_derives_keys_through_the_registry_only \
    "$(code_named '\bHkdf\b|\bSha256::|\bHmac\b' proto/src | grep -vE '^proto/src/(label|wire/proof)\.rs:')" \
    "$(code_named '\bHkdf\b|\bSha256::|\bHmac\b' proto/src/label.rs)"
