"""``soak init``: a commented soak.toml to start from."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from harness.errors import UsageError
from harness.timeline import SCENARIOS

TEMPLATE = """\
# The plan of `soak run`. Everything is optional. A line that begins with '#' shows a setting: its default where it has
# one, else an example.
# Sizes: B kB MB GB KiB MiB GiB (MB = 1,000,000 bytes). Rates: a size /s /min /h /day. Durations: ms s m h d.
# Flags win over SOAK_* variables, those win over this file.

[run]
scenario = "mixed"               # <scenarios>
# locustfile = "tests/load.py"   # a locustfile of your own, in place of a scenario
# duration = "2h"                # wall-clock time; without it the scenario's own, divided by speedup
# speedup = 1                    # 10 drives ten times the production rate
# seed = 1                       # order, texts and arrivals follow from it
# out = "reports"                # folder of the stored runs
# period = "1s"                  # between two samples; without it 250 ms in runs of up to ten minutes, else 1 s
# early_stop = true              # end as soon as it is certain; without it only where [gates] limits growth
# web = false                    # Locust's page, with memory
# capture = "never"              # or "on-fail", "always": look into the living target, see [diagnose]

[target]
# One of: a command to start, a process or a container that runs, or only where it listens.
# command = "node server.js"     # PORT and TTS_URL are in its environment; {port} and {tts_url} in its words
# pid = 4242
# container = "voice-1"
# base_url = "http://127.0.0.1:3000"
# ready_path = "/health"         # answers below 500 once it takes requests
# ready_timeout = "60s"
# env = { NODE_ENV = "production" }
# production_queries_per_h = 1000
# retention = "30m"              # memory that is held on purpose for so long; a shorter run cannot pass
# heap_limit = "512 MiB"         # what the runtime may take before it collects for good (a JVM's -Xmx is found)
# garbage_share = 0.5            # of its memory that the runtime may hold as garbage at any time (Go's GOGC is found)
# Rarely needed:
# restart = "never"              # or "on-failure": started again when it fails; the run is invalid but goes on
# cwd = "services/voice"         # where the command is started
# commit = "4f2a91c"             # what the report says was tested
# reference = "before"           # or "after": the reference backend with all its faults or with none, as target
# time_scale = 1                 # its timers run so many times faster; no other target knows this

# A target in a container, started from an image and removed in the end (docs/scale.md):
# [container]
# image = "shop/voice:1.4"       # on the engine already
# command = "serve --port {port}" # without it the image's own; {port} and {tts_url} are filled in
# memory_limit = "2 GiB"         # the limit that production kills at, no swap beyond it
# env = { LOG_LEVEL = "info" }   # PORT and TTS_URL are set as well
# network = "host"               # any other needs port, the container's own, published on 127.0.0.1 only
# port = 8080
# labels = { team = "voice" }
# restart = "never"              # or "on-failure": each new start is an event
# Or one that Compose runs already, which is left as it is:
# [container]
# compose_service = "voice"
# compose_project = "shop"       # where two projects have such a service

[tts]
# url = "https://speech.example" # a speech service of your own; without it the mock stands in for ElevenLabs
# profile = "realistic"          # realistic, instant, slow, or a file (docs/mock-tts.md)
# faults = "faults.toml"         # what the mock does wrong

[load]
# The wire of your backend. docs/load.md says what each setting means, and shows the exchange that the defaults speak.
# stream = "sse"                 # or "websocket"
# converse_path = "/api/voice/converse" # the query is posted here; "": it goes over the WebSocket
# stream_path = "/api/voice/open-stream?dialogueId={dialogue}" # over WebSocket "/api/voice/stream?..."
# close_path = "/api/voice/close" # the goodbye; "": there is none
# headers = { Authorization = "Bearer ..." }
# text_field = "text"            # of the query: the question
# dialogue_field = "dialogueId"  # of the query and of the goodbye
# dialogue_answer_field = "call.id" # where the answer names the dialogue, if the backend does; dots lead into objects
# body = { lang = "en" }         # what every query carries beside its text
# event_field = "event"          # of the events, and so on to final_field
# data_field = "data"
# audio_event = "audioChunk"
# done_event = "done"
# error_event = "error"
# audio_field = "audio"
# index_field = "chunkIndex"
# final_field = "isFinal"
# forbidden_fields = ["thinkingSound"] # answers that carry one of these are counted
# texts = ["What is on today, {n}?"] # the questions, {n} is the query's number
# How much, and in which ways (docs/load.md):
# queries_per_h = 120            # at production speed, the mean over the run; without it the scenario's
# kinds = ["normal", "disconnect"] # what mixed drives; without it all of its kinds
# endings = ["reset_midway", "silent"] # how a disconnect leaves; without it the scenario's
# bursts = [2, 5]                # equal posts of a duplicate, in turns; without it the scenario's
# burst_gap = "17ms"             # between them
# arrivals = "open"              # or "closed": users who wait for their answer and think
# spacing = "poisson"            # or "constant"
# users = 10                     # of closed arrivals, and of a locustfile
# think = "30s"
# Rarely needed:
# cycles = 4                     # blocks of load that each kind comes in
# hold = "2s"                    # how long a half-open connection or a slow reader lasts
# timeout = "60s"                # of a conversation
# idle_streams = 0               # streams held open on which nothing is asked
# workers = 0                    # load processes here
# expect_workers = 0             # load processes on other machines, which find this one at
# master_host = "127.0.0.1"      # an address of a private network: Locust asks nobody who he is
# master_port = 5557

[gates]
# Each fails when the value is certainly beyond the limit and passes when it is certainly within (docs/ci.md).
# max_growth = "5 MB/min"
# max_growth_per_query = "4 KiB" # of every kind of use
# max_memory = "2 GiB"
# kinds = { disconnect = "1 KiB" } # a stricter limit for one kind
# Rarely needed:
# max_growth_at_production = "10 MB/day" # growth restated at production_queries_per_h
# max_idle_growth = "0.1 MB/min" # growth with time alone
# max_detectable = "1 MB/min"    # the smallest leak that the run would have seen
# min_time_to_limit = "7d"       # until the memory limit at this growth
# max_errors = "50 %"            # failed of all queries that ended
# min_completeness = "99 %"      # answers that came whole, of all queries that were due
# max_latency_drift = 1.5        # p95 of the last quarter over that of the first
# max_answer_bytes = "2 MB"      # received for a query
# max_tts_calls_per_query = 8    # the mock counts them; else a probe has to read tts_calls_count
# max_active_dialogues = 5       # left by a drain; a probe has to read active_dialogues_count
# max_fds_growth = "10/h"
# max_threads_growth = "10/h"
# max_sockets_growth = "10/h"
# log_rules = { alarm = 0 }      # matches of a rule in [[log_rules]]
# [gates.metrics."runtime.cache_count"] # any column of any probe, by its full name
# max = 5000
# max_growth = "3/min"
# max_after_drain = 100
# max_per_query = 0.1

# More to read from the target, as often as needed (docs/sampling.md). A column's name ends in its unit.
# [[probes]]
# name = "runtime"
# kind = "json"
# url = "http://127.0.0.1:3000/debug/memory"
# fields = { heap_used_bytes = "heapUsed", cache_count = "cache.size", queries_count = "processed" } # dotted paths
# counters = ["queries_count"]   # columns that only ever go up
# period = "1s"
# role = "target"                # whose memory it is; or "mock", "generator", "harness"
# [[probes]]
# name = "app"
# kind = "prometheus"
# url = "http://127.0.0.1:3000/metrics"
# series = { heap_bytes = 'nodejs_heap_size_used_bytes' } # column = series, with labels or without
# [[probes]]
# name = "node"
# kind = "node"
# address = "127.0.0.1:9229"     # an inspector; or the pid of a Node.js process
# pid = 4242
# allow_remote = false           # an inspector on another machine: it runs any code it is sent
# [[probes]]
# name = "helper"
# kind = "process"               # it and its children
# pid = 4243
# [[probes]]
# name = "cache"
# kind = "container"
# container = "redis-1"

# Lines of the target's log, as often as needed; each bound is a gate:
# [[log_rules]]
# name = "alarm"
# contains = "LEAK DETECTED"     # or a pattern, a regular expression
# means = "the tracker is quiet" # what the report says of it
# max = 0                        # forbid; min = 1: expect
# [[log_rules]]
# name = "speech"
# pattern = "generated (?P<value>[0-9]+) bytes"
# service = "target"             # whose log; or "mock", "load"
# min = 1
# min_per_query = 3.9            # of all that ended
# max_per_query = 4.1
# min_share_of_answers = 0.9     # the bytes of all values, as base64, explain so much of what was received
# [[log_rules]]
# preset = "incident"            # several rules at once (docs/diagnose.md)

[diagnose]
# What capture = "on-fail" or "always" does with the living target once the verdict is stored (docs/diagnose.md).
# load = "20s"                   # more of the same load between the two looks
# timeout = "3m"
# max_disk = "2 GB"
# node = "127.0.0.1:9229"        # an inspector; else a Node.js target's own is opened
# python_url = "http://127.0.0.1:3000" # where a Python target answers /debug/objects; else its base_url is asked
# command = "pmap -x {pid}"      # run at both looks, its output is kept
# keep_snapshots = false         # heap snapshots hold every text of the target
""".replace("<scenarios>", " ".join(SCENARIOS))


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
