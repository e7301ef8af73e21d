"""``soak init``: a commented soak.toml to start from."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from harness.errors import UsageError

TEMPLATE = """\
# The plan of `soak run`. Everything is optional: a line that begins with '#' shows a setting with an example.
# Sizes: B kB MB GB KiB MiB GiB (MB = 1,000,000 bytes). Rates: a size /s /min /h /day. Durations: ms s m h d.
# Flags win over SOAK_* variables, those win over this file.

[run]
scenario = "mixed"               # normal heavy idle duplicates disconnects mixed
# duration = "2h"                # wall-clock time; without it the scenario's own, divided by speedup
# speedup = 10                   # drive 10 times the production rate
# seed = 1
# out = "reports"
# period = "1s"                  # between two samples; 250 ms in runs under ten minutes, else 1 s
# early_stop = true

[target]
# One of: a command to start, a process or a container that runs, or only where it listens.
# command = "node server.js"     # PORT and TTS_URL are in its environment; {port} and {tts_url} in its words
# pid = 4242
# container = "voice-1"
# base_url = "http://127.0.0.1:3000"
# ready_path = "/health"         # answers below 500 once it takes requests
# ready_timeout = "60s"
# env = { NODE_ENV = "production" }
# restart = "on-failure"         # or "never"
# production_queries_per_h = 1000
# retention = "30m"              # memory that is held on purpose for so long; a shorter run cannot pass
# heap_limit = "512 MiB"         # what the runtime may take before it collects for good (a JVM's -Xmx is found)
# garbage_share = 0.5            # of its memory that the runtime may hold as garbage at any time (Go's GOGC is found)

# A target in a container, started from an image and removed in the end (docs/scale.md):
# [container]
# image = "shop/voice:1.4"       # on the engine already; or compose_service = "voice", which is left as it is
# command = "serve --port {port}" # without it the image's own; {port} and {tts_url} are filled in
# memory_limit = "2 GiB"         # the limit that production kills at, no swap beyond it
# env = { LOG_LEVEL = "info" }   # PORT and TTS_URL are set as well
# network = "host"               # any other needs port = 8080, the container's own, published on 127.0.0.1 only
# labels = { team = "voice" }
# restart = "never"              # or "on-failure": each new start is an event

[tts]
# url = "https://speech.example" # a speech service of your own; without it the mock stands in for ElevenLabs
# profile = "realistic"          # realistic, instant, slow, or a file

[load]
# The wire of your backend; the defaults are those of docs/load.md.
# stream = "sse"                 # or "websocket"
# converse_path = "/api/voice/converse"
# queries_per_h = 120            # at production speed, the mean over the run
# headers = { Authorization = "Bearer ..." }
# workers = 0

[gates]
# max_growth = "5 MB/min"        # fails when growth is certainly above, passes when it is certainly below
# max_growth_per_query = "4 KiB" # the same for bytes per query, of every kind of use
# max_memory = "2 GiB"

# More to read from the target, as often as needed:
# [[probes]]
# name = "runtime"
# kind = "json"                  # json, prometheus, node, process, container
# url = "http://127.0.0.1:3000/debug/memory"
# fields = { heap_used_bytes = "heapUsed", external_bytes = "external" }

# Lines of the target's log, as often as needed; each bound is a gate:
# [[log_rules]]
# name = "alarm"                 # or only: preset = "incident"
# contains = "LEAK DETECTED"     # or pattern = "a regular expression"
# max = 0                        # forbid; min = 1: expect; min_per_query, max_per_query: count by query

[diagnose]
# What `--capture on-fail|always` does with the living target once the verdict is stored (docs/diagnose.md).
# load = "20s"                   # more of the same load between the two looks
# timeout = "3m"
# max_disk = "2 GB"
# node = "127.0.0.1:9229"        # an inspector; else a Node.js target's own is opened
# keep_snapshots = true          # heap snapshots hold every text of the target
"""


def init(
    path: Annotated[Path, typer.Argument(help="Where to write it; '-' prints it.")] = Path("soak.toml"),
) -> None:
    """Write a commented plan with every setting; never overwrites.

    Examples:

      soak init

      soak init plans/nightly.toml
    """
    if str(path) == "-":
        sys.stdout.write(TEMPLATE)
        return
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(TEMPLATE)
    except FileExistsError as error:
        raise UsageError(f"expected no file at {path}, found one; name another") from error
    except OSError as error:
        raise UsageError(f"expected to write a plan to {path}: {error.strerror or error}") from error
    sys.stdout.write(f"wrote {path}; `soak run` in this folder uses it\n")
