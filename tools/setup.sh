#!/usr/bin/env bash
# Installs what is missing to build, test and demonstrate CubeTiler; silent and
# quick when nothing is. Rust itself is expected to be there: https://rustup.rs
#
#   tools/setup.sh                    what the build and the demo need
#   tools/setup.sh --tests            and what the browser test needs
#   tools/setup.sh --tests --python   and the Python tools that judge our cubes
#
# As root on Debian or Ubuntu, packages are installed with apt-get. Anyone else
# is told what is missing and how to install it: nothing here calls sudo.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tests=false
python=false
for argument in "$@"; do
  case $argument in
    --tests) tests=true ;;
    --python) python=true ;;
    *)
      echo "usage: tools/setup.sh [--tests] [--python]" >&2
      exit 2
      ;;
  esac
done

has() { command -v "$1" >/dev/null 2>&1; }
say() { printf 'setup: %s\n' "$*" >&2; }

# Downloads fail now and then; installing twice does no harm.
retry() {
  local attempt
  for attempt in 1 2 3; do
    "$@" && return
    say "attempt $attempt of 3 failed: $*"
    sleep $((attempt * 5))
  done
  return 1
}

can_install() { [ "$(id -u)" = 0 ] && has apt-get; }

apt_install() {
  say "installing $*"
  retry apt-get -qq update &&
    DEBIAN_FRONTEND=noninteractive retry apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends "$@" >/dev/null
}

# PROJ is compiled from source by cmake, and its database by the sqlite3 program.
build_tools() {
  local missing=()
  has cmake || missing+=(cmake)
  has c++ && has cc || missing+=(g++)
  has make || missing+=(make)
  has pkg-config || missing+=(pkg-config)
  has sqlite3 || missing+=(sqlite3)
  { has pkg-config && pkg-config --exists sqlite3; } || missing+=(libsqlite3-dev)
  has node || missing+=(nodejs)
  # Some distributions of Node bring npm along, and then refuse Debian's own package.
  has npm || missing+=(npm)
  [ ${#missing[@]} -gt 0 ] || return 0
  if can_install; then
    apt_install "${missing[@]}"
    return
  fi
  say "missing: ${missing[*]} (Debian's names; yours may differ)"
  say "install with: sudo apt-get install ${missing[*]}"
  return 1
}

# The browser test says that it is skipped where there is no browser, so a
# machine that cannot have one (Ubuntu offers only a snap) still runs the rest.
browser() {
  if has chromium || has chromium-browser || has google-chrome; then return; fi
  if can_install && apt_install chromium fonts-dejavu-core; then return; fi
  say "no Chromium: the browser test will be skipped (Debian: sudo apt-get install chromium)"
}

# Debian's GDAL is older than that of the Python readers: both read exports.
gdal() {
  if has gdal_translate; then return; fi
  if can_install && apt_install gdal-bin; then return; fi
  say "no GDAL: the test of exports will be skipped (Debian: sudo apt-get install gdal-bin)"
}

# The viewer's assets are compiled into the binary; the browser's driver is a
# development dependency, which the demo has no use for.
node_packages() {
  local installed=node_modules/.package-lock.json
  local omit=(--omit=dev)
  if $tests; then omit=(); fi
  if [ -f $installed ] && ! [ package-lock.json -nt $installed ]; then
    if ! $tests || grep -q '"dev": true' $installed; then return; fi
  fi
  say "installing the Node packages"
  retry npm ci --no-audit --no-fund --loglevel=error ${omit[@]+"${omit[@]}"} >&2
}

# The first Python that is new enough for the pinned readers. A shim on the path
# may stand for a version that is not active, so candidates are run, not looked up.
find_python() {
  local candidate version
  for candidate in python3 python3.14 python3.13 python3.12; do
    if is_recent "$candidate"; then
      echo "$candidate"
      return
    fi
  done
  has pyenv || return 1
  for version in $(pyenv versions --bare | grep -E '^3\.[0-9]+\.[0-9]+$' | sort -rV); do
    candidate=$(pyenv prefix "$version")/bin/python
    if is_recent "$candidate"; then
      echo "$candidate"
      return
    fi
  done
  return 1
}

is_recent() { "$1" -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; }

python_tools() {
  local venv=target/python requirements=tests/reference/requirements.txt interpreter
  if [ -f $venv/.installed ] && cmp -s $requirements $venv/.installed; then return; fi
  if ! interpreter=$(find_python); then
    say "no Python 3.12 or later with its venv module: the checks by other readers will be skipped"
    return
  fi
  say "installing the Python readers into $venv"
  "$interpreter" -m venv --clear $venv
  retry $venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement $requirements
  cp $requirements $venv/.installed
}

if ! has cargo; then
  say "Rust is missing: install it from https://rustup.rs"
  exit 1
fi
build_tools
node_packages
if $tests; then browser; fi
if $python; then
  gdal
  python_tools
fi
