#!/bin/sh
# Makes this checkout ready: system packages, .venv, Python packages. Quick when nothing changed.
#
#   VMBENCH_NO_INSTALL=1     never install system packages: print the command and stop
#   VMBENCH_SETUP_DRY_RUN=1  only print what would be done
#   VMBENCH_PYTHON=PATH      use this Python
#
# Exit: 0 ready, 1 a step failed, 3 something is missing that you have to install.
set -eu
cd "$(dirname "$0")/.."

venv=.venv
stamp=$venv/.vmbench-setup
dry_run=${VMBENCH_SETUP_DRY_RUN:-}
release_file=${VMBENCH_SETUP_OS_RELEASE:-/etc/os-release}

say() { printf 'setup: %s\n' "$*" >&2; }

fail() { # code, what happened and why, what to type
    printf 'error: %s\n  try: %s\n' "$2" "$3" >&2
    exit "$1"
}

have() { command -v "$1" >/dev/null 2>&1; }

run() {
    if [ -n "$dry_run" ]; then
        printf 'would run: %s\n' "$*"
    else
        "$@"
    fi
}

# What the environment was made from; another answer means it has to be looked at again.
state() {
    cat requirements.lock pyproject.toml tools/setup.sh | cksum
    pwd -P
    "$venv/bin/python" -V 2>&1
}

missing_programs() {
    for program in qemu-system-x86_64 qemu-img; do
        have "$program" || printf '%s ' "$program"
    done
}

up_to_date() {
    [ -z "$dry_run" ] && [ -f "$stamp" ] && [ -x "$venv/bin/python" ] && [ -x "$venv/bin/vmbench" ] &&
        [ "$(state)" = "$(cat "$stamp")" ] && [ -z "$(missing_programs)" ]
}

# apt, dnf, pacman or brew; nothing where this system is none we know.
package_manager() {
    if [ "$(uname -s)" = Darwin ]; then
        echo brew
        return
    fi
    # shellcheck source=/dev/null
    ids=$( (. "$release_file" && echo "${ID:-} ${ID_LIKE:-}") 2>/dev/null || true)
    for id in $ids; do
        case $id in
        debian | ubuntu) echo apt && return ;;
        fedora | rhel | centos) echo dnf && return ;;
        arch) echo pacman && return ;;
        esac
    done
    if have apt-get; then
        echo apt
    elif have dnf; then
        echo dnf
    elif have pacman; then
        echo pacman
    fi
}

package_of() { # program, manager
    case $1:$2 in
    qemu-system-x86_64:apt) echo qemu-system-x86 ;;
    qemu-img:apt) echo qemu-utils ;;
    qemu-system-x86_64:dnf) echo qemu-system-x86-core ;;
    qemu-img:dnf) echo qemu-img ;;
    qemu-system-x86_64:pacman | qemu-img:pacman) echo qemu-base ;;
    qemu-system-x86_64:brew | qemu-img:brew) echo qemu ;;
    python:brew) echo python@3.13 ;;
    python:pacman) echo python ;;
    python:apt | python:dnf) echo python3 ;;
    venv:apt) echo "python$python_version-venv" ;;
    venv:*) echo python3 ;;
    esac
}

install_command() { # manager, packages...
    manager=$1
    shift
    case $manager in
    apt) echo "apt-get install -y --no-install-recommends $*" ;;
    dnf) echo "dnf install -y $*" ;;
    pacman) echo "pacman -S --needed --noconfirm $*" ;;
    brew) echo "brew install $*" ;;
    esac
}

apt_knows() {
    for package in "$@"; do
        apt-cache show "$package" >/dev/null 2>&1 || return 1
    done
}

# Installs what the given things need, or prints the command for it and stops.
provide() { # things: programs, "python" or "venv"
    manager=$(package_manager)
    [ -n "$manager" ] || fail 3 "missing on this system: $*" \
        "install QEMU (x86_64 system emulator and qemu-img) and Python 3.11 or newer, then run this again"
    packages=
    for thing in "$@"; do
        package=$(package_of "$thing" "$manager")
        case " $packages " in *" $package "*) ;; *) packages="${packages:+$packages }$package" ;; esac
    done
    # shellcheck disable=SC2086 # package names are words
    command=$(install_command "$manager" $packages)
    prefix=
    [ "$manager" = brew ] || [ "$(id -u)" = 0 ] || prefix="sudo "
    if [ -n "${VMBENCH_NO_INSTALL:-}" ]; then
        fail 3 "missing: $* (VMBENCH_NO_INSTALL forbids to install it)" "$prefix$command"
    fi
    if [ "$manager" = brew ]; then
        have brew || fail 3 "missing: $*, and there is no Homebrew to install it with" \
            "install Homebrew from https://brew.sh, then run this again"
    elif [ -n "$prefix" ]; then
        have sudo || fail 3 "missing: $*, and you are not root and have no sudo" "as root: $command"
        # Without a terminal nobody can answer a question for a password.
        if sudo -n true 2>/dev/null; then
            prefix="sudo -n "
        elif ! { [ -t 0 ] && [ -t 2 ]; }; then
            fail 3 "missing: $*, and sudo wants a password" "$prefix$command"
        fi
    fi
    say "installing $packages"
    if [ "$manager" = apt ]; then
        prefix="${prefix}env DEBIAN_FRONTEND=noninteractive "
        # shellcheck disable=SC2086
        if ! apt_knows $packages; then
            # shellcheck disable=SC2086
            run ${prefix}apt-get update -q || fail 1 "the package lists could not be read" "${prefix}apt-get update"
        fi
    fi
    # shellcheck disable=SC2086
    if ! run $prefix$command; then
        # Lists that are out of date name versions the mirror no longer has.
        # shellcheck disable=SC2086
        { [ "$manager" = apt ] && run ${prefix}apt-get update -q && run $prefix$command; } ||
            fail 1 "could not install $packages" "$prefix$command"
    fi
}

fits() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

makes_venvs() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }

version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])'; }

# Sets python to the newest one that fits, preferring one that can make environments as it is.
find_python() {
    python=
    for candidate in ${VMBENCH_PYTHON:-python3.13 python3.12 python3.11 python3}; do
        if fits "$candidate"; then
            python=${python:-$candidate}
            if makes_venvs "$candidate"; then
                python=$candidate
                return
            fi
        fi
    done
    [ -n "$python" ]
}

require_python() {
    if ! find_python; then
        [ -z "${VMBENCH_PYTHON:-}" ] || fail 3 "VMBENCH_PYTHON ($VMBENCH_PYTHON) is no Python 3.11 or newer" \
            "set it to one, or unset it"
        provide python
        find_python || [ -n "$dry_run" ] || fail 3 "this system's Python is older than 3.11" \
            "install Python 3.11 or newer, for example from https://www.python.org, and set VMBENCH_PYTHON to it"
    fi
    [ -n "$python" ] || return 0
    makes_venvs "$python" && return
    python_version=$(version_of "$python")
    provide venv
    makes_venvs "$python" || [ -n "$dry_run" ] ||
        fail 3 "$python cannot make environments: it has no ensurepip" "set VMBENCH_PYTHON to a Python that has it"
}

make_venv() {
    if [ -e "$venv" ] && [ ! -f "$venv/pyvenv.cfg" ]; then
        fail 1 "$venv is there but is no Python environment" "move it away: mv $venv $venv.old"
    fi
    # One that was moved or whose Python is gone cannot be repaired, only made again.
    if [ -f "$stamp" ] && [ "$(sed -n 2p "$stamp")" != "$(pwd -P)" ]; then
        run rm -rf "$venv"
    elif [ -e "$venv" ] && ! fits "$venv/bin/python"; then
        run rm -rf "$venv"
    fi
    if [ -n "$dry_run" ] || [ ! -x "$venv/bin/pip" ]; then
        require_python
        say "making $venv with ${python:-python3}"
        run "${python:-python3}" -m venv "$venv" || fail 1 "$venv could not be made" "rm -r $venv, then run this again"
    fi
}

install_packages() {
    run rm -f "$stamp"
    say "installing Python packages into $venv"
    # The project itself comes second: an editable install has no hash.
    run "$venv/bin/python" -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock ||
        fail 1 "the Python packages could not be installed" "see pip's message above; then run this again"
    run "$venv/bin/python" -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e . ||
        fail 1 "vmbench itself could not be installed into $venv" "see pip's message above; then run this again"
}

up_to_date && exit 0

missing=$(missing_programs)
if [ -n "$missing" ]; then
    # shellcheck disable=SC2086
    provide $missing
    still=$(missing_programs)
    [ -z "$still" ] || [ -n "$dry_run" ] || fail 3 "still missing after installing: $still" \
        "see that PATH leads to it: PATH is $PATH"
fi
make_venv
install_packages
if [ -z "$dry_run" ]; then
    state >"$stamp.new"
    mv "$stamp.new" "$stamp"
fi
say "ready"
