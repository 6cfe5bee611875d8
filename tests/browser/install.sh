#!/usr/bin/env bash
# Install what `make browser-test` and `make screenshots` need besides Python: a Chromium, from the
# system's packages, and axe and htmx from npm, as tests/browser/package-lock.json pins them, into the
# folder that is named.
set -euo pipefail
folder=$1
here=$(dirname "$0")

browser() { command -v chromium || command -v google-chrome || command -v google-chrome-stable; }
install=(apt-get install -y -qq --no-install-recommends chromium fonts-liberation)
if ! browser >/dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${install[@]}"
  else
    echo "There is no Chromium. On Debian: sudo ${install[*]}" >&2
    exit 1
  fi
fi
if ! command -v npm >/dev/null; then
  echo "There is no npm. On Debian: sudo apt-get install npm" >&2
  exit 1
fi
mkdir -p "$folder"
cp "$here/package.json" "$here/package-lock.json" "$folder"
npm ci --silent --no-audit --no-fund --prefix "$(realpath "$folder")"  # a link would confuse npm
