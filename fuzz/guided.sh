#!/bin/sh
# Coverage-guided fuzzing with libFuzzer and the stable compiler: fuzz/guided.sh TARGET [SECONDS]
#
# cargo-fuzz asks for a nightly compiler because of its sanitizers; what libFuzzer needs to be guided by coverage,
# LLVM's own instrumentation, the stable compiler passes on. Without AddressSanitizer the workspace loses little: it
# has next to no unsafe code, and integer overflows and failed assertions are found by the debug assertions.
set -eu
cd "$(dirname "$0")/.."
target=${1:?the target: definition, jsonpath, jsonata, intrinsic or protocol}
seconds=${2:-600}

RUSTFLAGS="-C debug-assertions -C codegen-units=1 -C passes=sancov-module \
 -C llvm-args=-sanitizer-coverage-level=4 -C llvm-args=-sanitizer-coverage-inline-8bit-counters \
 -C llvm-args=-sanitizer-coverage-pc-table -C llvm-args=-sanitizer-coverage-trace-compares" \
    cargo build --manifest-path fuzz/Cargo.toml --target-dir fuzz/target/guided --target "$(rustc --print host-tuple)" \
    --config profile.dev.opt-level=3 --features libfuzzer --bin "$target"
[ -d "fuzz/corpus/$target" ] || cargo run --quiet --manifest-path fuzz/Cargo.toml --bin mutate -- "$target" seeds
mkdir -p fuzz/artifacts
exec "fuzz/target/guided/$(rustc --print host-tuple)/debug/$target" "fuzz/corpus/$target" \
    -max_total_time="$seconds" -timeout=5 -rss_limit_mb=2048 -malloc_limit_mb=1024 -max_len=4096 \
    -artifact_prefix=fuzz/artifacts/ -print_final_stats=1
