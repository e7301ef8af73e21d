#!/usr/bin/env bash
# Builds voice-soak-mock, voice-soak-backend and voice-soak-harness.
# With BASE set (python:3.11-slim-bookworm, or your own) they are built on it; otherwise on voice-soak-base, which is
# made here by debootstrap, so that no registry is needed. Packages come through this machine's pip, with whatever
# index, proxy and certificates it is set up for: none of that enters an image.
set -euo pipefail
cd "$(dirname "$(realpath "$0")")/.."

cache=docker/.cache
suite=bookworm # its python3 is 3.11, the oldest that the project supports and the one the pins are made for
python=.venv/bin/python
[[ -x $python ]] || python=python3

fail() { echo "docker/images.sh: $*" >&2; exit 1; }

make_base() {
  local archive="$cache/base-$suite.tar" root
  docker image inspect voice-soak-base >/dev/null 2>&1 && return 0
  if [[ ! -f $archive ]]; then
    [[ $(id -u) == 0 ]] || fail "expected root to make a base image, found user $(id -un); set BASE to an image instead"
    command -v debootstrap >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -y -qq debootstrap >/dev/null
    echo "making a base image of Debian $suite (about a minute)" >&2
    root=$(mktemp -d)
    trap 'rm -rf "$root"' RETURN
    debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates "$suite" "$root" $(mirror) >"$cache/debootstrap.log" ||
      fail "debootstrap failed: $(tail -n 2 "$cache/debootstrap.log")"
    rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale,info}
    tar -C "$root" --one-file-system -cf "$archive.part" .
    mv "$archive.part" "$archive"
  fi
  docker import "$archive" voice-soak-base >/dev/null
}

# the mirror this machine's apt uses; none where apt has none, and debootstrap then takes its own default
mirror() { apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | grep -v security | head -n 1 || true; }

# every pinned wheel, fetched outside so that no address or credential of an index is seen by a build
fetch_wheels() {
  local stamp="$cache/wheels/.complete"
  [[ $stamp -nt requirements.txt ]] && return 0
  echo "fetching the pinned wheels" >&2
  rm -rf "$cache/wheels" && mkdir -p "$cache/wheels"
  "$python" -m pip download -qq --disable-pip-version-check --require-hashes --no-deps --only-binary :all: \
    --dest "$cache/wheels" -r requirements.txt
  # what builds the project's own package
  "$python" -m pip download -qq --disable-pip-version-check --no-deps --only-binary :all: \
    --dest "$cache/wheels" 'setuptools>=77'
  touch "$stamp"
}

build() {
  local target=$1 out="$cache/build-$1.log"
  docker build --quiet --network "${BUILD_NETWORK:-default}" --target "$target" --tag "voice-soak-$target" \
    --build-arg BASE="$base" --build-arg PIP_NO_INDEX="$no_index" --file docker/Dockerfile . >"$out" 2>&1 ||
    fail "building $target failed: $(tail -n 5 "$out")"
}

mkdir -p "$cache"
no_index=
if [[ -z ${BASE:-} ]]; then
  make_base
  BASE=voice-soak-base
  if [[ $("$python" -c 'import sys; print(*sys.version_info[:2])') == "3 11" ]]; then
    fetch_wheels
    no_index=1
  fi
fi
base=$BASE
for target in mock backend harness; do build "$target"; done
