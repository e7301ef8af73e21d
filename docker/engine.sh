#!/usr/bin/env bash
# A container engine that answers: the one there is, or Debian's docker.io, installed and started as root.
# Run again it does nothing. An engine started here is stopped by `docker/engine.sh stop`.
set -euo pipefail

cache="$(dirname "$(realpath "$0")")/.cache"
pid_file="$cache/dockerd.pid"
log="$cache/dockerd.log"

fail() { echo "docker/engine.sh: $*" >&2; exit 1; }
answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }
ours() { [[ -f $pid_file && "$(cat "/proc/$(cat "$pid_file")/comm" 2>/dev/null)" == dockerd ]]; }

install_engine() {
  command -v apt-get >/dev/null || fail "expected an engine or Debian's apt-get, found neither; install Docker Engine"
  [[ $(id -u) == 0 ]] || fail "expected root to install docker.io, found user $(id -un); start an engine, or use sudo"
  echo "installing docker.io" >&2
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends docker.io iptables >/dev/null
}

start_with() {
  setsid dockerd --storage-driver "$1" --pidfile "$pid_file" >"$log" 2>&1 </dev/null &
  for _ in $(seq 100); do
    answers && return 0
    kill -0 $! 2>/dev/null || return 1
    sleep 0.2
  done
  kill $! 2>/dev/null || true
  return 1
}

# Debian's own Compose where there is none: it brings compose.yaml up as well as the plugin does
require_compose() {
  docker compose version >/dev/null 2>&1 || command -v docker-compose >/dev/null || {
    command -v apt-get >/dev/null && [[ $(id -u) == 0 ]] || return 0
    echo "installing docker-compose" >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends docker-compose >/dev/null
  }
}

start() {
  answers && return 0
  [[ -z ${DOCKER_HOST:-} ]] || fail "expected the engine of DOCKER_HOST to answer, found none; start it or unset DOCKER_HOST"
  command -v dockerd >/dev/null || install_engine
  answers && return 0 # the package's own service came up
  [[ $(id -u) == 0 ]] || fail "expected root to start dockerd, found user $(id -un); start it, e.g. systemctl start docker"
  mkdir -p "$cache"
  # overlay2 wherever the file system can; vfs copies whole images but works everywhere
  start_with overlay2 || start_with vfs || fail "dockerd did not come up; its last words: $(tail -n 3 "$log")"
  echo "started dockerd (log: docker/.cache/dockerd.log)" >&2
}

stop() {
  ours || return 0
  local pid; pid=$(cat "$pid_file")
  kill "$pid"
  while kill -0 "$pid" 2>/dev/null; do sleep 0.2; done
}

case ${1:-start} in
  start) start; require_compose ;;
  stop) stop ;;
  *) fail "expected start or stop, found '$1'" ;;
esac
