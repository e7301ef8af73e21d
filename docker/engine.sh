#!/usr/bin/env bash
# A container engine that answers: the one there is, or Debian's docker.io, installed and started as root.
# Run again it does nothing. An engine started here is stopped by `docker/engine.sh stop`.
# Leaves with 3 and one line where this machine cannot run an engine, with 1 where it can and something else is wrong.
# Nothing here waits without an end: an engine that hangs does not answer.
set -euo pipefail

cache="$(dirname "$(realpath "$0")")/.cache"
pid_file="$cache/dockerd.pid"
log="$cache/dockerd.log"

fail() { echo "docker/engine.sh: $*" >&2; exit 1; }
cannot() { echo "docker/engine.sh: $*" >&2; exit 3; }
answers() { timeout --kill-after 5 15 docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }
ours() { [[ -f $pid_file && "$(cat "/proc/$(cat "$pid_file")/comm" 2>/dev/null)" == dockerd ]]; }

last_words() { if [[ -s $1 ]]; then tail -n 1 "$1"; else echo silence; fi; }

install() {
  echo "installing $*"
  # another installation on this machine is waited for: it is no reason why none can run here
  timeout --kill-after 30 900 sh -c 'apt-get update -qq; apt-get install -y -qq -o DPkg::Lock::Timeout=600 --no-install-recommends "$@"' \
    sh "$@" </dev/null >"$cache/apt.log" 2>&1
}

# the package's own start of the service is neither needed nor possible everywhere; a dockerd of ours does
start_with() {
  setsid dockerd --storage-driver "$1" --pidfile "$pid_file" >"$log" 2>&1 </dev/null 3>&- 9>&- &
  local given_up=$((SECONDS + 45))
  while ((SECONDS < given_up)); do
    answers && return 0
    kill -0 $! 2>/dev/null || return 1
    sleep 0.2
  done
  end $!
  return 1
}

# politely, and after twenty seconds not
end() {
  kill "$1" 2>/dev/null || return 0
  for _ in $(seq 100); do
    kill -0 "$1" 2>/dev/null || return 0
    sleep 0.2
  done
  kill -9 "$1" 2>/dev/null || true
}

# Debian's own Compose where there is none: it brings compose.yaml up as well as the plugin does
require_compose() {
  docker compose version >/dev/null 2>&1 || command -v docker-compose >/dev/null || {
    command -v apt-get >/dev/null && [[ $(id -u) == 0 ]] || return 0
    install docker-compose || cannot "expected docker-compose from apt-get, found: $(last_words "$cache/apt.log")"
  }
}

# An engine may answer where no container can start (a container without rights) or no limit holds. Tried on an image of
# one program: this machine's own `true` with the libraries that it needs.
require_containers() {
  local said program
  program=$(type -P true)
  [[ $(timeout 15 docker info --format '{{.MemoryLimit}}' 2>/dev/null) == true ]] ||
    cannot "expected an engine that can limit memory, found one without the memory controller"
  said=$(ldd "$program" | grep -o '/[^ ]*' | xargs tar -chP "$program" | timeout 60 docker import - voice-soak-true 2>&1) ||
    cannot "expected an engine that takes an image, found: ${said##*$'\n'}"
  said=$(timeout --kill-after 5 60 docker run --rm --network host --memory 64m voice-soak-true "$program" 2>&1) ||
    cannot "expected an engine that can start a container, found: ${said##*$'\n'}"
  timeout 60 docker image rm voice-soak-true >/dev/null 2>&1 || true
}

start() {
  answers && return 0
  [[ -z ${DOCKER_HOST:-} ]] || fail "expected the engine of DOCKER_HOST to answer, found none; start it or unset DOCKER_HOST"
  [[ $(id -u) == 0 ]] || cannot "expected an engine that answers, or root to start one, found user $(id -un); start it, or use sudo"
  if ! command -v dockerd >/dev/null; then
    command -v apt-get >/dev/null || cannot "expected an engine or Debian's apt-get, found neither; install Docker Engine"
    install docker.io iptables || cannot "expected docker.io from apt-get, found: $(last_words "$cache/apt.log")"
  fi
  answers && return 0 # the package's own service came up
  # overlay2 wherever the file system can; vfs copies whole images but works everywhere
  start_with overlay2 || start_with vfs || cannot "expected dockerd to come up here, found: $(last_words "$log")"
  echo "started dockerd (log: docker/.cache/dockerd.log)"
}

mkdir -p "$cache"
case ${1:-start} in
  start)
    start
    require_compose
    require_containers
    ;;
  stop) if ours; then end "$(cat "$pid_file")"; fi ;;
  *) fail "expected start or stop, found '$1'" ;;
esac
