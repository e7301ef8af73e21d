#!/usr/bin/env bash
# Builds voice-soak-mock, voice-soak-backend and voice-soak-harness.
# With BASE set (python:3.11-slim-bookworm, or your own) they are built on it; otherwise on voice-soak-base, which is
# made here by debootstrap, so that no registry is needed. Packages come through this machine's pip, with whatever
# index, proxy and certificates it is set up for: none of that enters an image.
set -euo pipefail
cd "$(dirname "$(realpath "$0")")/.."

cache=docker/.cache
suite=bookworm # its python3 is 3.11, the oldest that the project supports and the one the pins are made for
base_python=3.11
python=.venv/bin/python
[[ -x $python ]] || python=python3

fail() { echo "docker/images.sh: $*" >&2; exit 1; }
limited() { timeout --kill-after 30 "$@"; }

make_base() {
  local archive="$cache/base-$suite.tar" root
  limited 30 docker image inspect voice-soak-base >/dev/null 2>&1 && return 0
  if [[ ! -f $archive ]]; then
    [[ $(id -u) == 0 ]] || fail "expected root to make a base image, found user $(id -un); set BASE to an image instead"
    command -v debootstrap >/dev/null || limited 600 apt-get install -y -qq --no-install-recommends debootstrap >/dev/null
    echo "making a base image of Debian $suite (about a minute)"
    root="$cache/base-root"
    rm -rf --one-file-system "$root"
    limited 900 debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates "$suite" "$root" $(mirror) \
      </dev/null >"$cache/debootstrap.log" || fail "debootstrap failed: $(tail -n 2 "$cache/debootstrap.log")"
    rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale,info}
    tar -C "$root" --one-file-system -cf "$archive.part" .
    mv "$archive.part" "$archive"
    rm -rf --one-file-system "$root"
  fi
  limited 300 docker import "$archive" voice-soak-base >/dev/null
}

# the mirror this machine's apt uses; none where apt has none, and debootstrap then takes its own default
mirror() { apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | grep -v security | head -n 1 || true; }

# every pinned wheel for the base's Python, whichever one this machine has, fetched outside so that no address or
# credential of an index is seen by a build
fetch_wheels() {
  local stamp="$cache/wheels/.complete" download number
  [[ $stamp -nt requirements.txt ]] && return 0
  echo "fetching the pinned wheels"
  rm -rf "$cache/wheels" && mkdir -p "$cache/wheels"
  download=("$python" -m pip download -qq --disable-pip-version-check --no-deps --only-binary :all:
    --dest "$cache/wheels" --python-version "$base_python" --implementation cp)
  # the tags of every glibc up to the base's own
  for number in $(seq 5 36); do download+=(--platform "manylinux_2_${number}_$(uname -m)"); done
  for number in 1 2010 2014; do download+=(--platform "manylinux${number}_$(uname -m)"); done
  "$python" docker/pins.py "$base_python" requirements.txt >"$cache/requirements.txt"
  limited 900 "${download[@]}" --require-hashes -r "$cache/requirements.txt"
  limited 300 "${download[@]}" 'setuptools>=77' # what builds the project's own package
  touch "$stamp"
}

# the image that the new one replaces is not left behind, nameless; one that a container still uses stays
build() {
  local target=$1 out="$cache/build-$1.log" before after
  before=$(docker image inspect --format '{{.Id}}' "voice-soak-$target" 2>/dev/null || true)
  limited 900 docker build --quiet --network "$network" --target "$target" --tag "voice-soak-$target" \
    --build-arg BASE="$BASE" --build-arg PIP_NO_INDEX="$no_index" --file docker/Dockerfile . </dev/null >"$out" 2>&1 ||
    fail "building $target failed: $(tail -n 5 "$out")"
  after=$(docker image inspect --format '{{.Id}}' "voice-soak-$target")
  [[ -z $before || $before == "$after" ]] || docker image rm "$before" >/dev/null 2>&1 || true
}

mkdir -p "$cache"
exec 9>"$cache/lock" # one at a time: they share the cache
flock --timeout 1800 9 || fail "expected another docker/images.sh to end within half an hour, found it at work"
network=${BUILD_NETWORK:-default}
no_index=
if [[ -z ${BASE:-} ]]; then
  make_base
  fetch_wheels
  BASE=voice-soak-base
  network=${BUILD_NETWORK:-none}
  no_index=1
fi
for target in mock backend harness; do build "$target"; done
