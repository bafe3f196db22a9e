#!/usr/bin/env bash
# Independent public clients against `ringfence sim`, unmodified but for base URL and keys.
# Installs them (pip, npm) into target/clients. RINGFENCE names a built program; without it
# one is built. Names of clients run only those: run.sh ccxt spot
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
made=$top/target/clients
if [ -z "${RINGFENCE:-}" ]; then
  cargo build --manifest-path "$top/Cargo.toml" -p ringfence
  RINGFENCE=$top/target/debug/ringfence
fi
export RINGFENCE PYTHONDONTWRITEBYTECODE=1

# Two of the Python clients bear the same package name, so each has an environment of its own.
python() { # python NAME REQUIREMENT…
  local name=$1 env=$made/$1
  shift
  if [ "$(cat "$env/requirements" 2>/dev/null)" != "$*" ]; then
    python3 -m venv --clear "$env"
    "$env/bin/pip" install --quiet --disable-pip-version-check "$@"
    echo "$*" >"$env/requirements"
  fi
}

wanted=${*:-python_binance ccxt_client connector spot}
failed=0
for client in $wanted; do
  case $client in
    python_binance) python "$client" python-binance==1.0.37; run=("$made/$client/bin/python" "$here/$client.py") ;;
    ccxt_client) python "$client" ccxt==4.5.90; run=("$made/$client/bin/python" "$here/$client.py") ;;
    connector) python "$client" binance-connector==3.13.0; run=("$made/$client/bin/python" "$here/$client.py") ;;
    spot)
      mkdir -p "$made/spot"
      cp "$here/package.json" "$here/package-lock.json" "$here/spot.mjs" "$made/spot/"
      (cd "$made/spot" && npm ci --silent --no-audit --no-fund)
      run=(node "$made/spot/spot.mjs") ;;
    *) echo "there is no client $client" >&2; exit 2 ;;
  esac
  timeout 120 "${run[@]}" || failed=1
done
exit "$failed"
