"""A container's history, asked for beside the run: whatever the engine does, no sample waits for it."""

from __future__ import annotations

from queue import SimpleQueue
from threading import Thread

from harness.model import Event, EventName
from harness.orchestrate.container_history import KILL_TO_END_S, ContainerHistory, note

SILENCE_S = 30.0
"""A question that has taken so long is an event."""

FINISH_S = 5.0
"""How long the end of a run waits for the last answer."""


class ContainerWatch:
    """Polls a history in a thread of its own, one question at a time."""

    def __init__(self, history: ContainerHistory) -> None:
        self._history = history
        self._asked_s: float | None = None
        self._silent = False
        self._sampled_kills_s: list[float] = []
        self._questions: SimpleQueue[float | None] = SimpleQueue()
        self._answers: SimpleQueue[list[Event]] = SimpleQueue()
        # A daemon: an engine that never answers must not keep the harness from ending.
        self._thread = Thread(target=self._work, name="container-watch", daemon=True)
        self._thread.start()

    def poll(self, t_s: float) -> list[Event]:
        """The events that were found since the last call, and a new question; ``t_s`` is now. Never waits."""
        events = self._answered()
        if self._asked_s is None:
            self._asked_s = t_s
            self._questions.put(t_s)
        elif t_s - self._asked_s >= SILENCE_S and not self._silent:
            self._silent = True
            events.append(note(t_s, f"the engine has not answered for {t_s - self._asked_s:.0f} s"))
        return events

    def sampled(self, event: Event) -> None:
        """Takes note of what the sampler tells: a kill that it saw in time is not told again from the end it led to."""
        if event.event == EventName.OOM_KILL:
            self._sampled_kills_s.append(event.t_s)

    def finish(self, t_s: float) -> list[Event]:
        """What is left to tell, at most FINISH_S later."""
        self._questions.put(t_s)
        self._questions.put(None)
        self._thread.join(FINISH_S)
        return self._answered()

    def _answered(self) -> list[Event]:
        events: list[Event] = []
        while not self._answers.empty():
            events += [event for event in self._answers.get() if not self._is_told(event)]
            self._asked_s, self._silent = None, False
        return events

    def _is_told(self, event: Event) -> bool:
        """Whether ``event`` is a kill that the sampler has told; each of its kills stands for one."""
        if event.event != EventName.OOM_KILL:
            return False
        for told_s in self._sampled_kills_s:
            if abs(event.t_s - told_s) <= KILL_TO_END_S:
                self._sampled_kills_s.remove(told_s)
                return True
        return False

    def _work(self) -> None:
        while (t_s := self._questions.get()) is not None:
            try:
                self._answers.put(self._history.poll(t_s))
            except Exception as error:  # a mistake here must not end a run of days; the note names it
                self._answers.put([note(t_s, f"unexpected {type(error).__name__}: {error}")])
