"""What a manifest says about where a run was made: machine, versions, commit, and the plan without its secrets."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from harness import __version__
from harness.model import ProcessIdentity, Role
from harness.plan.document import Plan
from harness.probes.base import Probe
from harness.probes.container import ContainerProbe
from harness.probes.process import ProcessTreeProbe
from harness.probes.runtime_heap import RuntimeHeap, runtime_heap
from harness.redaction import redact


def host_facts() -> dict[str, Any]:
    """Kernel, cores, memory and page size of this machine."""
    return {
        "kernel": platform.release(),
        "system": platform.system(),
        "machine": platform.machine(),
        "cores_count": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "page_size_bytes": os.sysconf("SC_PAGE_SIZE"),
    }


def versions() -> dict[str, str]:
    """Versions that a reader may need to repeat the run."""
    return {"python": platform.python_version(), "voice-soak": __version__, "locust": version("locust")}


def harness_commit() -> str | None:
    """The commit of the checkout that this package runs from; None where it was installed without one."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None


def public_config(plan: Plan, probes: Iterable[Probe] = ()) -> dict[str, Any]:
    """The plan as resolved, secrets replaced by ``***``, the limits under the names of ``harness.model.Limits``; what
    the heap of the target's runtime may take is what ``probes`` find, where the plan does not say."""
    config = plan.model_dump(mode="json") | {"gates": plan.gates.to_config()}
    redacted = redact(config)
    assert isinstance(redacted, dict)
    redacted["log_rules"] = config["log_rules"]  # expressions that are judged by again: a part less is another one
    if plan.target.heap_limit is None and plan.target.garbage_share is None:
        heap = _runtime_heap(probes)
        redacted["target"] |= {"heap_limit": heap.limit_bytes, "garbage_share": heap.garbage_share}
    return redacted


def _runtime_heap(probes: Iterable[Probe]) -> RuntimeHeap:
    """Of the first probe of the target whose process has one."""
    pids = (_pid(probe) for probe in probes if probe.role is Role.TARGET)
    heaps = (runtime_heap(pid) for pid in pids if pid is not None)
    return next((heap for heap in heaps if heap != RuntimeHeap()), RuntimeHeap())


def _pid(probe: Probe) -> int | None:
    identity = probe.identity()
    if isinstance(probe, ContainerProbe):
        return probe.local_pid
    return identity.pid if isinstance(probe, ProcessTreeProbe) and isinstance(identity, ProcessIdentity) else None
