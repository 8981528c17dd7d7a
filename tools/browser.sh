#!/bin/sh
# Installs Chromium for the one test that looks at the workbench in a browser, where that needs no question.
# Without it that test is skipped, so nothing here is an error.
set -u
for program in chromium chromium-browser google-chrome; do
    command -v "$program" >/dev/null 2>&1 && exit 0
done
[ -z "${VMBENCH_NO_INSTALL:-}" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || exit 0
echo "setup: installing Chromium for the browser's test" >&2
install="timeout 240 apt-get install -y -q --no-install-recommends chromium"
DEBIAN_FRONTEND=noninteractive
export DEBIAN_FRONTEND
{ $install || { timeout 120 apt-get update -q && $install; }; } >/dev/null 2>&1 </dev/null ||
    echo "setup: Chromium cannot be installed here; its test is skipped" >&2
exit 0
