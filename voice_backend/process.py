"""The process: a bound socket, one event loop, an orderly end."""

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn

from voice_backend.faults import Fault, Switch, Switches
from voice_backend.memory import keep_large_blocks_out_of_the_heap, rss_bytes
from voice_backend.server import make_app
from voice_backend.service import VoiceService
from voice_backend.settings import Settings, SettingsError
from voice_backend.speaking import LocalSpeaker, Speaker
from voice_backend.speech_workers import SpeechWorkers, fork_workers
from voice_backend.streams import AbortableHttp, AbortableWebSocket, Streaming, StreamTimes
from voice_backend.thinking_sound import CachedSound, NoSound, SoundReadEveryTime, SoundSource, make_thinking_sound
from voice_backend.tts_client import Speech, make_speech

SEND_BUFFER_BYTES = 128 * 1024
"""What the kernel holds for a client that does not read; by itself it would go up to megabytes a client."""
LAST_WORDS_S = 0.3
"""After a signal, how long a stream may take to send its end before it is aborted."""
KEEP_ALIVE_S = 75
"""Idle connections live longer than the pools of usual clients, so that none is closed under a request."""


class Server(uvicorn.Server):
    """uvicorn's server, told by our own signal handlers, which end the streams first: it need not wait for them."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Says so once connections are accepted."""
        await super().startup(sockets)
        self._on_started()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves the signals to ``run``."""
        yield


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises SettingsError when the address cannot be had."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
            0
        ]
        listener = socket.socket(family, kind)
    except OSError as exc:
        raise SettingsError(f"cannot listen on {host}:{port}: {exc.strerror or exc}; choose another --host") from exc
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)  # accepted sockets inherit it
        listener.bind(address)
        listener.listen(2048)
    except OSError as exc:
        listener.close()
        raise SettingsError(f"cannot listen on {host}:{port}: {exc.strerror}; choose another --port, or 0") from exc
    return listener


def make_switches(settings: Settings) -> Switches:
    """A switch for every fault, at the strength that the settings give."""
    return {fault: Switch(settings.strengths.get(fault, 0.0)) for fault in Fault}


def make_sound(settings: Settings, switch: Switch, folder: Path) -> SoundSource:
    """The source of the thinking sound; before the fix it reads a file of ``folder``."""
    if settings.cached_sound:
        return CachedSound(make_thinking_sound())
    if not switch.strength:
        return NoSound()
    path = folder / "thinking.wav"
    path.write_bytes(make_thinking_sound())
    return SoundReadEveryTime(path, switch.strikes)


def make_speaker(settings: Settings, listener: socket.socket) -> Speaker:
    """Speaks in this process, or through workers, which are forked here and must not keep ``listener``."""

    def speech() -> Speech:
        return make_speech(settings.tts_transport, settings.tts_url, settings.api_key)

    if settings.workers == 1:
        return LocalSpeaker(speech())
    return SpeechWorkers(fork_workers(settings.workers, speech, [listener]))


def make_service(settings: Settings, speaker: Speaker, folder: Path) -> VoiceService:
    """The service that ``settings`` describe."""
    switches = make_switches(settings)
    return VoiceService(
        settings,
        speaker,
        make_sound(settings, switches[Fault.THINKING_SOUND], folder),
        switches=switches,
        clock=time.monotonic,
        rss_bytes=rss_bytes,
    )


def make_server(service: VoiceService, streaming: Streaming, on_started: Callable[[], None]) -> Server:
    """The server of one service; ``on_started`` is called once connections are accepted."""
    config = uvicorn.Config(
        make_app(service, streaming),
        http=AbortableHttp,
        ws=AbortableWebSocket,
        ws_per_message_deflate=False,
        ws_max_size=64 * 1024,
        loop="uvloop",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=1,
    )
    return Server(config, on_started)


def run(settings: Settings, announce: Callable[[str], None]) -> int:
    """Serves until SIGTERM (exit code 0) or SIGINT (130).

    ``announce`` gets the base URL once connections are accepted.
    """
    keep_large_blocks_out_of_the_heap()
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    listener = bind(settings.host, settings.port)
    # What was imported lives until the end: out of the collector's sight, full collections stay cheap and frequent,
    # and workers share its pages.
    gc.collect()
    gc.freeze()
    speaker = make_speaker(settings, listener)
    with tempfile.TemporaryDirectory(prefix="voice-backend-") as folder, listener:
        service = make_service(settings, speaker, Path(folder))
        streaming = Streaming(service.dialogues, service.counters, StreamTimes.scaled(settings.time_scale))
        host, port = listener.getsockname()[:2]
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        server = make_server(service, streaming, lambda: announce(url))
        with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
            return runner.run(_serve(server, streaming, listener))


async def _serve(server: Server, streaming: Streaming, listener: socket.socket) -> int:
    code = 0
    loop = asyncio.get_running_loop()

    def stop(exit_code: int) -> None:
        nonlocal code
        code = exit_code
        server.should_exit = True
        streaming.dialogues.end_all()
        loop.call_later(LAST_WORDS_S, streaming.abort_all)

    loop.add_signal_handler(signal.SIGTERM, stop, 0)
    loop.add_signal_handler(signal.SIGINT, stop, 130)
    await server.serve(sockets=[listener])
    return code
