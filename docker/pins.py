"""``python pins.py 3.11 requirements.txt``: the pins that hold for that Python on Linux, without their conditions.

``pip download --python-version`` chooses wheels for another Python but reads conditions as its own.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from pip._vendor.packaging.markers import Marker

_CONDITION = re.compile(r"^(\S+==\S+) ; (.+?)( \\)?$", re.MULTILINE)


def pins_for(python_version: str, requirements: str) -> str:
    """The pins of ``requirements``, each with its hashes on the lines below it, that ``python_version`` takes."""
    python = {"python_version": python_version, "python_full_version": f"{python_version}.0"}
    kept = []
    for pin in re.split(r"\n(?=\S)", requirements):
        condition = _CONDITION.match(pin)
        if condition is None:
            kept.append(pin)
        elif Marker(condition[2]).evaluate(python):
            kept.append(_CONDITION.sub(r"\1\3", pin, count=1))
    return "\n".join(kept)


if __name__ == "__main__":
    sys.stdout.write(pins_for(sys.argv[1], Path(sys.argv[2]).read_text()))
