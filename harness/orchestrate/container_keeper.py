"""A small process that removes a run's containers when the harness has been killed: they are not its children.

Its standard input is a pipe whose only writer is the harness; the pipe's end without ``bye`` is the harness's violent
end. Run as a script with the label to look for; the client library is loaded only when there is something to remove.
"""

from __future__ import annotations

import signal
import sys
import time

PASSES = 3
PASS_PERIOD_S = 1.0
"""More than one look: the engine may still be creating what the harness asked for in its last moment."""


def remove_labelled(label: str) -> int:
    """Removes every container with ``label`` (``name=value``), running or not; how many there were."""
    import docker.errors

    import docker

    client = docker.from_env(timeout=10)
    try:
        found = client.containers.list(all=True, filters={"label": label}, ignore_removed=True)
        for container in found:
            try:
                container.remove(force=True, v=True)
            except docker.errors.APIError:
                continue  # somebody else is removing it
        return len(found)
    finally:
        client.close()


def main() -> None:
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    if sys.stdin.read().strip() == "bye":
        return
    trouble: Exception | None = None
    for number in range(PASSES):
        if number:
            time.sleep(PASS_PERIOD_S)  # noqa: TID251 - waits for an engine that tells nobody
        try:
            remove_labelled(sys.argv[1])
            trouble = None
        except Exception as error:  # whatever it is, there is another pass
            trouble = error
    if trouble is not None:
        sys.exit(f"voice-soak: containers labelled {sys.argv[1]} could not be removed: {trouble}")


if __name__ == "__main__":
    main()
