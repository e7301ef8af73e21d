"""What is in the images: no root, no secret, a health check, and the pins of the project."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.containers import docker

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900), pytest.mark.usefixtures("images")]

ROOT = Path(__file__).parent.parent.parent
IMAGES = ("voice-soak-mock", "voice-soak-backend", "voice-soak-harness")
_CREDENTIALS = re.compile(r"://([^/@\s:]+:[^/@\s]+)@")
_CANARY = "canary-7f3a9c-not-for-images"


def inspected(image: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(docker("image", "inspect", image))[0]
    return found


@pytest.mark.parametrize("image", IMAGES)
def test_no_image_runs_as_root(image: str) -> None:
    """The user is a number, which Kubernetes can check, and not 0."""
    user = inspected(image)["Config"]["User"]

    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user)
    assert docker("run", "--rm", "--entrypoint", "id", image, "-u") == user.split(":")[0]


@pytest.mark.parametrize("image", IMAGES)
def test_every_image_says_whether_it_is_healthy(image: str) -> None:
    """Compose and Kubernetes wait for it."""
    assert inspected(image)["Config"]["Healthcheck"]["Test"]


@pytest.mark.parametrize(("image", "program"), [*zip(IMAGES, ("mock-tts", "voice-backend", "soak"), strict=True)])
def test_every_image_has_its_program(image: str, program: str) -> None:
    """The program answers, and the image has no installer left to change it with."""
    assert docker("run", "--rm", image, "--version").startswith(program)
    listed = docker("run", "--rm", "--entrypoint", "ls", image, "/opt/voice-soak/bin").split()
    assert not [name for name in listed if name.startswith("pip")]


def machine_secrets() -> set[str]:
    """What this machine knows and no image may: credentials in pip's settings, index addresses, tokens."""
    settings = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    texts = [settings.stdout, *(value for name, value in os.environ.items() if name.startswith("PIP_"))]
    found = {match for text in texts for match in _CREDENTIALS.findall(text)}
    found |= {value for name, value in os.environ.items() if re.search("TOKEN|SECRET|PASSWORD|API_KEY", name)}
    return {value for value in found if len(value) >= 8} | {_CANARY}


def layer_files(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Every file of every layer that is small enough to be a setting, and the images' own descriptions."""
    with tarfile.open(archive) as image:
        for member in image:
            stream = image.extractfile(member)
            if stream is None:
                continue
            if not member.name.endswith("layer.tar"):
                yield member.name, stream.read()
                continue
            with tarfile.open(fileobj=stream) as layer:
                for file in layer:
                    content = layer.extractfile(file) if file.isfile() and file.size < 2**20 else None
                    if content is not None:
                        yield file.name, content.read()


def test_no_secret_is_in_a_layer(tmp_path: Path) -> None:
    """Neither a setting of this machine's installer nor a key of its environment is in any layer or the history."""
    archive = tmp_path / "images.tar"
    docker("save", "--output", str(archive), *IMAGES, timeout_s=600.0)  # what they share is in it once
    secrets = {secret.encode() for secret in machine_secrets()}
    names, leaks = set(), []
    for name, content in layer_files(archive):
        names.add(name)
        leaks += [name for secret in secrets if secret in content]

    assert leaks == []
    assert not [name for name in names if re.search(r"(^|/)(pip\.conf|\.netrc|\.pypirc|id_rsa|\.env)$", name)]
    assert not [name for name in names if name.endswith(".whl")]


def test_a_secret_of_the_environment_does_not_reach_a_build(tmp_path: Path) -> None:
    """A build with a credential in the environment bakes none of it in."""
    environment = os.environ | {"PIP_EXTRA_INDEX_URL": f"https://user:{_CANARY}@127.0.0.1:9/simple"}
    subprocess.run([ROOT / "docker" / "images.sh"], env=environment, check=True)
    archive = tmp_path / "image.tar"
    docker("save", "--output", str(archive), "voice-soak-mock", timeout_s=600.0)

    assert [name for name, content in layer_files(archive) if _CANARY.encode() in content] == []
