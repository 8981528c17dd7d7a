#!/bin/sh
# Writes requirements.lock: every package vmbench and its tests need, for every system, with hashes.
# Needs uv on PATH. The lock names no index, so each user's own pip configuration decides where from.
set -eu
cd "$(dirname "$0")/.."
# Only the public index counts: a private one may hold other builds under the same version.
env -u UV_INDEX -u UV_INDEX_URL -u UV_DEFAULT_INDEX -u UV_EXTRA_INDEX_URL -u UV_FIND_LINKS \
    uv pip compile pyproject.toml --no-config --group dev --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-emit-find-links --no-annotate --no-header --native-tls --quiet "$@" -o requirements.lock
! grep -nE '^ *(-i|-f|--(extra-)?index|--find-links|--trusted)|://| @ ' requirements.lock
