#!/bin/sh
# Installs the programs that some tests drive or compare with, where that needs no question.
# Without them those tests are skipped, so nothing here is an error.
set -u
[ -z "${VMBENCH_NO_INSTALL:-}" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || exit 0
missing=""
for program in tmux vim htop less screen vttest; do
    command -v "$program" >/dev/null 2>&1 || missing="$missing $program"
done
browser=chromium
for program in chromium chromium-browser google-chrome; do
    command -v "$program" >/dev/null 2>&1 && browser=""
done
missing="$missing${browser:+ $browser}"
[ -n "$missing" ] || exit 0
echo "setup: installing what some tests use:$missing" >&2
DEBIAN_FRONTEND=noninteractive
export DEBIAN_FRONTEND
install() {
    timeout 240 apt-get install -y -q --no-install-recommends "$@" >/dev/null 2>&1 </dev/null
}
# shellcheck disable=SC2086 # one word is one package
install $missing && exit 0
timeout 120 apt-get update -q >/dev/null 2>&1 </dev/null
for package in $missing; do
    install "$package" || echo "setup: $package cannot be installed here; the tests that use it are skipped" >&2
done
exit 0
