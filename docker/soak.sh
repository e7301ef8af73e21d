#!/usr/bin/env bash
# A soak in containers with N load workers (default 2): docker/soak.sh [N]. Leaves with the verdict's exit code.
# Everything else is set by the environment: see compose.yaml. Its containers and network are removed in the end,
# unless SOAK_KEEP is set.
set -euo pipefail
cd "$(dirname "$(realpath "$0")")/.."

workers=${1:-2}
socket=${DOCKER_SOCKET:-/var/run/docker.sock}
[[ $workers =~ ^[1-9][0-9]*$ ]] || { echo "docker/soak.sh: expected a number of workers, found '$workers'" >&2; exit 2; }

compose() {
  if docker compose version >/dev/null 2>&1; then docker compose "$@"; else docker-compose "$@"; fi
}

docker/images.sh
reports=${SOAK_REPORTS:-./reports}
mkdir -p "$reports"
if [[ $(id -u) == 0 ]]; then
  # the image's own user, so that nothing runs as root; it must be able to write its reports
  export SOAK_USER=10001:10001
  chown 10001:10001 "$reports"
else
  export SOAK_USER="$(id -u):$(id -g)"
fi
DOCKER_GID=$(stat -c %g "$socket")
export DOCKER_GID SOAK_EXPECT_WORKERS=$workers
trap '[[ -n ${SOAK_KEEP:-} ]] || compose down --volumes --timeout 5 >/dev/null 2>&1' EXIT
# the workers end before the harness has judged, so that --exit-code-from would cut it short
compose up --no-build --detach --scale "worker=$workers" >/dev/null 2>&1
harness=$(compose ps --all --quiet harness 2>/dev/null || compose ps --quiet harness)
docker logs --follow "$harness"
code=$(docker wait "$harness")
exit "$code"
