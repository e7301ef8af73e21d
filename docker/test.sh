#!/usr/bin/env bash
# The container tests, on an engine that is started for them where none runs, and stopped afterwards.
# A machine that cannot run one says why in one line, and each test is skipped with that reason; everywhere else all
# run, and one that fails fails this. Every step has its limit: whatever hangs, this ends.
set -euo pipefail
cd "$(dirname "$(realpath "$0")")/.."

limited() { timeout --kill-after 60 "$@"; }
tests() { limited "$1" .venv/bin/pytest -q "${@:2}" tests/docker; }

limited 15 docker version >/dev/null 2>&1 && was_there=1 || was_there=
exec 3>&1 # what engine.sh tells on the way; its last word comes by standard error
code=0
said=$(docker/engine.sh 2>&1 >&3) || code=$?
case $code in
  0) export SOAK_TEST_ENGINE=ready ;;
  3) export SOAK_TEST_ENGINE=$said ;;
  *) echo "$said" >&2; exit "$code" ;;
esac
if [[ $code == 3 ]]; then
  echo "no container test can run on this machine: $said"
  tests 120 -m docker
  exit
fi
[[ -n $was_there ]] || trap 'docker/engine.sh stop' EXIT
limited 1500 docker/images.sh
# most of a soak is waiting, so that several go beside one another; what measures the machine goes by itself
tests 1500 -m "docker and not alone" -n 3 --dist worksteal
tests 600 -m "docker and alone"
