"""Fault 2, ``duplicate_requests``: recognising the same query posted twice.

Remembers 16-byte digests for a moment, never texts.
"""

from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b

from voice_backend.faults import Switch

WINDOW_S = 2.0
SHORTEST_WINDOW_S = 0.2
"""Whatever the time scale: a client's repeated posts do not get faster with it. Five posts 17 ms apart take 68 ms, and
longer where the machine is busy."""
DOUBLE_POST_S = 0.05
"""Once the dialogue has ended: a fast answer may be over before its duplicate comes (17 ms in the incident)."""
REMEMBERED_LIMIT = 10_000


class DuplicateWindow:
    """The queries accepted lately, by dialogue and text."""

    def __init__(self, *, process_again: Switch, clock: Callable[[], float], time_scale: float) -> None:
        self._process_again = process_again
        self._clock = clock
        self._window_s = max(WINDOW_S / time_scale, SHORTEST_WINDOW_S)
        self._accepted_at: OrderedDict[bytes, float] = OrderedDict()

    def accept(self, dialogue_id: str, text: str, *, ongoing: bool) -> bool:
        """Whether the query is to be processed.

        Before: also when it is a duplicate. After: the second is answered without work.
        """
        now_s = self._clock()
        self._forget(now_s)
        key = blake2b(f"{len(dialogue_id)}:{dialogue_id}{text}".encode(), digest_size=16).digest()
        accepted_at = self._accepted_at.get(key)
        window_s = self._window_s if ongoing else DOUBLE_POST_S
        if accepted_at is not None and now_s - accepted_at <= window_s and not self._process_again.strikes():
            return False
        self._accepted_at[key] = now_s
        self._accepted_at.move_to_end(key)
        return True

    def _forget(self, now_s: float) -> None:
        while self._accepted_at:
            oldest = next(iter(self._accepted_at.values()))
            if now_s - oldest <= self._window_s and len(self._accepted_at) < REMEMBERED_LIMIT:
                return
            self._accepted_at.popitem(last=False)
