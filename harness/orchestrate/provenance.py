"""What a manifest says about where a run was made: machine, versions, commit, and the plan without its secrets."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from harness import __version__
from harness.plan.document import Plan
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


def public_config(plan: Plan) -> dict[str, Any]:
    """The plan as resolved, secrets replaced by ``***``, the limits under the names of ``harness.model.Limits``."""
    config = plan.model_dump(mode="json") | {"gates": plan.gates.to_config()}
    redacted = redact(config)
    assert isinstance(redacted, dict)
    return redacted
