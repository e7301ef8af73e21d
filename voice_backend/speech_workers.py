"""Several processes that fetch speech (``--workers N``): forked after all imports, so that they share memory with the
first.

A dialogue has one owner, the first process; the workers only turn text into audio, and with ``tts_chunk_refs`` each
keeps its own history. Jobs and answers go over a socket pair. A worker ends by itself when its pair is closed, also
when the first process was killed; a worker that dies fails its jobs and is not replaced.
"""

import asyncio
import json
import os
import signal
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

import uvloop

from voice_backend.ledger import Held
from voice_backend.speaking import LocalSpeaker
from voice_backend.tts_client import Speech, SpeechError

_JOB = struct.Struct("!II")
"""Job number, length of the JSON that follows."""
_ANSWER = struct.Struct("!I?I")
"""Job number, whether it is audio, length of the audio or of the error's text that follows."""


@dataclass(frozen=True, slots=True)
class ForkedWorker:
    """A worker's process and the first process's end of its pair."""

    pid: int
    connection: socket.socket


def fork_workers(count: int, make_speech: Callable[[], Speech], inherited: list[socket.socket]) -> list[ForkedWorker]:
    """Forks ``count`` workers; to be called before there is an event loop. ``inherited`` is closed in them."""
    workers: list[ForkedWorker] = []
    for _ in range(count):
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            for other in [ours, *inherited, *(worker.connection for worker in workers)]:
                other.close()
            _work_and_exit(theirs, make_speech)
        theirs.close()
        workers.append(ForkedWorker(pid, ours))
    return workers


def _work_and_exit(connection: socket.socket, make_speech: Callable[[], Speech]) -> None:
    """Works until the pair is closed, then ends the process without its parent's clean-up."""
    # The first process decides when to end: a Ctrl-C for the whole group must not end the workers before it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    code = 1
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_work(connection, make_speech))
        code = 0
    finally:
        os._exit(code)


async def _work(connection: socket.socket, make_speech: Callable[[], Speech]) -> None:
    speaker = LocalSpeaker(make_speech())
    reader, writer = await asyncio.open_connection(sock=connection)
    tasks: set[asyncio.Task[None]] = set()

    async def do(job_id: int, job: bytes) -> None:
        try:
            audio = await speaker.speak(**json.loads(job))
            writer.writelines((_ANSWER.pack(job_id, True, len(audio)), audio))
        except SpeechError as exc:
            reason = str(exc).encode()
            writer.writelines((_ANSWER.pack(job_id, False, len(reason)), reason))

    try:
        while True:
            job_id, length = _JOB.unpack(await reader.readexactly(_JOB.size))
            task = asyncio.create_task(do(job_id, await reader.readexactly(length)))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


@dataclass(eq=False, slots=True)
class _Worker:
    """One worker as the first process sees it."""

    forked: ForkedWorker
    writer: asyncio.StreamWriter
    jobs: dict[int, asyncio.Future[bytes]] = field(default_factory=dict)
    held: Held = field(default_factory=Held)


class SpeechWorkers:
    """Speaks through the forked workers."""

    def __init__(self, forked: list[ForkedWorker]) -> None:
        self._forked = forked
        self._workers: list[_Worker] = []
        self._readers: list[asyncio.Task[None]] = []
        self._jobs_count = 0

    async def start(self) -> None:
        """Connects to the workers."""
        for forked in self._forked:
            reader, writer = await asyncio.open_connection(sock=forked.connection)
            worker = _Worker(forked, writer)
            self._workers.append(worker)
            self._readers.append(asyncio.create_task(self._read(worker, reader)))

    async def speak(self, text: str, *, voice_id: str, model_id: str, keep: bool) -> bytes:
        """The audio of ``text`` from the worker with the fewest jobs. Raises SpeechError."""
        if not self._workers:
            raise SpeechError("every speech worker has ended")
        worker = min(self._workers, key=lambda candidate: len(candidate.jobs))
        self._jobs_count = job_id = (self._jobs_count + 1) % 2**32
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        worker.jobs[job_id] = answer
        job = json.dumps({"text": text, "voice_id": voice_id, "model_id": model_id, "keep": keep}).encode()
        worker.writer.write(_JOB.pack(job_id, len(job)) + job)
        try:
            audio = await answer
        finally:
            worker.jobs.pop(job_id, None)
        if keep:
            worker.held += Held(len(audio), 1)
        return audio

    def held(self) -> Held:
        """What the fault retains in the workers that live."""
        return sum((worker.held for worker in self._workers), Held())

    def worker_pids(self) -> tuple[int, ...]:
        """The workers that live."""
        return tuple(worker.forked.pid for worker in self._workers)

    async def aclose(self) -> None:
        """Closes the pairs, at which the workers end, and waits for them."""
        for worker in self._workers:
            worker.writer.close()
        await asyncio.gather(*self._readers)
        for forked in self._forked:
            await asyncio.to_thread(os.waitpid, forked.pid, 0)

    async def _read(self, worker: _Worker, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                job_id, is_audio, length = _ANSWER.unpack(await reader.readexactly(_ANSWER.size))
                content = await reader.readexactly(length)
                answer = worker.jobs.get(job_id)
                if answer is None or answer.done():
                    continue
                if is_audio:
                    answer.set_result(content)
                else:
                    answer.set_exception(SpeechError(content.decode()))
        except (asyncio.IncompleteReadError, ConnectionError):
            self._workers.remove(worker)
            for answer in worker.jobs.values():
                if not answer.done():
                    answer.set_exception(SpeechError(f"speech worker {worker.forked.pid} ended"))
