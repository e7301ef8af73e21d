"""Where an inspector is, and what is said where it cannot be reached."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from harness.errors import ProbeError
from harness.probes import inspector_place
from harness.probes.inspector_place import InspectorPlace
from tests.support.pages import served
from tests.support.target_processes import answer, as_in_a_container, process

SERVER = "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); s.accept()"


def test_a_process_of_this_network_has_its_ports_here() -> None:
    """Nothing has to be entered."""
    assert InspectorPlace.of_process(os.getpid(), 9229) == InspectorPlace("127.0.0.1:9229", None)


def test_a_container_s_own_port_is_reached_and_no_other(tmp_path: Path) -> None:
    """The same number on this machine is somebody else's, and this process's network stays what it was."""
    (tmp_path / "shown").mkdir()
    words = as_in_a_container([sys.executable, "-c", SERVER], tmp_path, tmp_path / "shown")
    before = os.readlink("/proc/thread-self/ns/net")
    with process(words) as child:
        port = int(answer(child))
        place = InspectorPlace.of_process(child.pid, port)
        with place.connect(5.0) as connection:
            assert connection.getpeername() == ("127.0.0.1", port)
        with pytest.raises(ProbeError, match="expected an answer from the inspector at"):
            InspectorPlace(place.address).connect(5.0)

    assert place.network_pid == child.pid
    assert os.readlink("/proc/thread-self/ns/net") == before


def test_without_rights_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Entering a container's network needs root."""

    def refused(pid: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(inspector_place, "_enter_network_of", refused)
    with pytest.raises(ProbeError, match=r"run as root, or start the container with network = 'host'"):
        InspectorPlace("127.0.0.1:9229", os.getpid()).connect(5.0)


@pytest.mark.parametrize("address", ["9229", "localhost", "127.0.0.1:x", ":9229"])
def test_what_is_no_address_is_a_reason(address: str) -> None:
    """It may come from a plan."""
    with pytest.raises(ProbeError, match="expected HOST:PORT"):
        InspectorPlace(address).connect(1.0)


def test_a_server_that_says_nothing_is_a_reason() -> None:
    """It takes the connection and that is all."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = InspectorPlace(f"127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(ProbeError, match=r"within 0\.2 s, found none"):
            place.websocket_url(0.2)


def test_our_host_and_port_are_kept() -> None:
    """An inspector behind a tunnel knows itself by another address."""
    with served('[{"webSocketDebuggerUrl": "ws://10.0.0.9:9229/abc"}]') as page:
        address = page.url.removeprefix("http://").removesuffix("/page")

        assert InspectorPlace(address).websocket_url(5.0) == f"ws://{address}/abc"
