#!/usr/bin/env bash
# Runs every target (or the second argument) for some seconds each (20, or the first argument), from the seeds here and
# the documented payloads. A finding is written to target/fuzz/artifacts with what to type.
set -euo pipefail
cd "$(dirname "$0")"
seconds="${1:-20}"
out="../../target/fuzz"
# No sanitizer: the house has no unsafe code, and so this needs no nightly compiler.
options=(--fuzz-dir . --sanitizer none --target-dir "$out")
cargo fuzz build "${options[@]}"
for target in ${2:-$(cargo fuzz list --fuzz-dir .)}; do
    corpus="$out/corpus/$target"
    mkdir -p "$corpus" "$out/artifacts/$target"
    case "$target" in
        exchange_*) more=(-dict=exchange.dict -max_len=4096) ;;
        *) more=(-max_len=8192) ;;
    esac
    seeds=()
    case "$target" in
        market_stream) seeds=(../fixtures/binance/streams) ;;
        user_data) seeds=(../fixtures/binance/user-data ../fixtures/binance/ws-api) ;;
        rest_answer) seeds=(../fixtures/binance/rest ../fixtures/binance/ws-api) ;;
    esac
    [ -d "seeds/$target" ] && seeds+=("seeds/$target")
    printf -- '-- %s, %s s\n' "$target" "$seconds"
    log="$out/$target.log"
    if ! cargo fuzz run "${options[@]}" "$target" "$corpus" "${seeds[@]}" -- "${more[@]}" \
        -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$out/artifacts/$target/" >"$log" 2>&1; then
        tail -60 "$log"
        exit 1
    fi
    grep -E 'stat::number_of_executed_units|stat::average_exec|cov:' "$log" | tail -3
done
