"""What a manifest says about where a run was made: machine, versions, commit, and the plan without its secrets."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from harness import __version__
from harness.plan.document import Plan

_SECRET_NAME = re.compile(r"key|token|secret|passw|credential|authorization|cookie", re.IGNORECASE)
_URL_CREDENTIALS = re.compile(r"://[^/@\s]+@")
_FLAG_VALUE = re.compile(r"(--?[\w-]*(?:key|token|secret|passw|credential)[\w-]*[= ])(\S+)", re.IGNORECASE)
_ASSIGNMENT = re.compile(r"(\b[\w-]*(?:key|token|secret|passw|credential)[\w-]*=)([^\s&]+)", re.IGNORECASE)
REDACTED = "***"


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


def redact(value: Any, name: str = "") -> Any:
    """``value`` without secrets: those named so, those in a URL's user part, those behind a flag of a command."""
    if isinstance(value, dict):
        return {key: redact(inner, f"{name}.{key}") for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [redact(inner, name) for inner in value]
    if not isinstance(value, str):
        return value
    if _SECRET_NAME.search(name.rpartition(".")[2]):
        return REDACTED
    text = _URL_CREDENTIALS.sub(f"://{REDACTED}@", value)
    return _ASSIGNMENT.sub(rf"\g<1>{REDACTED}", _FLAG_VALUE.sub(rf"\g<1>{REDACTED}", text))
