"""The voice service: what a query does, from its acceptance to its last chunk of speech.

Owns the order of events and who is told what. Knows no HTTP: ``server.py`` reads requests and writes answers.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass

from voice_backend import events, log
from voice_backend.answer import answer_sentences
from voice_backend.counters import Counters, Gauges
from voice_backend.dialogues import SWEEP_EVERY_S, Dialogue, Dialogues
from voice_backend.duplicates import DuplicateWindow
from voice_backend.faults import Fault, Switch, Switches
from voice_backend.ledger import Ledger
from voice_backend.recent_speech import RecentSpeech
from voice_backend.settings import Settings
from voice_backend.speaking import Speaker
from voice_backend.thinking_sound import SoundFields, SoundSource
from voice_backend.tracker import MemoryTracker
from voice_backend.tts_client import SpeechError


@dataclass(frozen=True, slots=True)
class Query:
    """What a client asked, checked."""

    text: str
    dialogue_id: str
    voice_id: str
    model_id: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """What the client is told at once."""

    dialogue_id: str
    duplicate: bool
    sound: SoundFields | None


class VoiceService:
    """One service: its dialogues, its faults, its background work."""

    def __init__(
        self,
        settings: Settings,
        speaker: Speaker,
        sound: SoundSource,
        *,
        switches: Switches,
        clock: Callable[[], float],
        rss_bytes: Callable[[], int],
    ) -> None:
        scale = settings.time_scale
        self.counters = Counters()
        self.dialogues = Dialogues(keep_state=switches[Fault.DIALOGUE_STATE], clock=clock, time_scale=scale)
        self.speaker = speaker
        self.recent_speech = RecentSpeech(settings.plateau_cache_bytes)
        self.tracker = MemoryTracker(
            keep_references=switches[Fault.MEMORY_TRACKER], rss_bytes=rss_bytes, clock=clock, time_scale=scale
        )
        self.ledger = Ledger(
            {
                Fault.TTS_CHUNK_REFS: speaker.held,
                Fault.DIALOGUE_STATE: self.dialogues.retained,
                Fault.MEMORY_TRACKER: self.tracker.held,
            }
        )
        self._duplicates = DuplicateWindow(
            process_again=switches[Fault.DUPLICATE_REQUESTS], clock=clock, time_scale=scale
        )
        self._keep_chunks: Switch = switches[Fault.TTS_CHUNK_REFS]
        self._sound = sound
        self._sweep_every_s = SWEEP_EVERY_S / scale
        self._tracker_enabled = settings.tracker_enabled
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Starts the speaker, the sweep and the tracker."""
        await self.speaker.start()
        self._spawn(self._every(self._sweep_every_s, self.dialogues.sweep))
        if self._tracker_enabled:
            self._spawn(self._every(self.tracker.period_s, self.tracker.take_sample))

    async def stop(self) -> None:
        """Ends every dialogue and all background work."""
        self.dialogues.end_all()
        for task in self._tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.speaker.aclose()

    def converse(self, query: Query) -> Accepted:
        """Accepts a query; its speech is produced in the background, unless it is a recognised duplicate."""
        ongoing = self.dialogues.get(query.dialogue_id) is not None
        sound = self._sound.for_answer()
        if sound is None:
            log.client_plays_sound()
        else:
            log.sound_included()
        if not self._duplicates.accept(query.dialogue_id, query.text, ongoing=ongoing):
            self.counters.duplicates_rejected += 1
            return Accepted(query.dialogue_id, duplicate=True, sound=sound)
        self.counters.queries += 1
        dialogue = self.dialogues.open(query.dialogue_id)
        dialogue.begin_answer()
        self._spawn(self._answer(dialogue, query, keep_chunks=self._keep_chunks.strikes()))
        return Accepted(query.dialogue_id, duplicate=False, sound=sound)

    def gauges(self) -> Gauges:
        """The amounts of ``GET /metrics``."""
        buffered = self.dialogues.buffered()
        return Gauges(len(self.dialogues), buffered.retained_objects, buffered.retained_bytes)

    async def _answer(self, dialogue: Dialogue, query: Query, *, keep_chunks: bool) -> None:
        """Publishes the whole answer.

        A dialogue that ends meanwhile takes nothing any more, but its speech is still produced: it was ordered, and so
        a query costs the same however its client leaves.
        """
        sentences = answer_sentences(query.text)
        dialogue.publish(events.text_chunk("user", query.text))
        dialogue.publish(events.text_chunk("assistant", " ".join(sentences)))
        try:
            for index, sentence in enumerate(sentences):
                await dialogue.wait_for_room()
                audio = await self._speak(query, sentence, keep=keep_chunks)
                log.speech_generated(len(audio), index)
                self.recent_speech.add(audio)
                dialogue.publish(events.audio_chunk(audio, index, sentence, is_final=index == len(sentences) - 1))
                self.dialogues.touch(dialogue)
                del audio  # after the fix this was its last reference; it must not live through the next call
            dialogue.publish(events.done())
        except SpeechError as exc:
            self.counters.tts_errors += 1
            dialogue.publish(events.error(str(exc)))
        finally:
            dialogue.answering -= 1

    async def _speak(self, query: Query, sentence: str, *, keep: bool) -> bytes:
        self.counters.tts_calls += 1
        audio = await self.speaker.speak(sentence, voice_id=query.voice_id, model_id=query.model_id, keep=keep)
        self.counters.tts_bytes += len(audio)
        return audio

    @staticmethod
    async def _every(period_s: float, work: Callable[[], object]) -> None:
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            due_s += period_s
            await asyncio.sleep(due_s - loop.time())
            work()

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
