"""What was asked and what was sent, counted; what is open now; a bounded journal of the last requests.

The gauges must come back to zero when nothing is going on: that is how a run shows that the mock itself leaks nothing.
"""

from collections import Counter, OrderedDict, deque
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any, NamedTuple

JOURNAL_ENTRIES = 1000
TEXTS = 2000


class Entry(NamedTuple):
    """One request or socket. ``text_hash`` says whether two asked for the same words without keeping them."""

    at_s: float
    route: str
    voice_id: str
    text_hash: str
    chars: int
    status: int
    bytes_out: int
    request_id: str


@dataclass(slots=True)
class Gauges:
    """What is open at this moment."""

    open_streams: int = 0
    open_sockets: int = 0
    open_contexts: int = 0
    generating: int = 0


def text_hash(text: str) -> str:
    """A short name for ``text``."""
    return blake2b(text.encode(errors="surrogatepass"), digest_size=8).hexdigest()


class Ledger:
    """Counts of one server. Sizes are fixed, so that a week of load takes no more room than an hour."""

    def __init__(self) -> None:
        self.gauges = Gauges()
        self._clear()

    def _clear(self) -> None:
        self.requests: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.closes: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.bytes_out = 0
        self.chars = 0
        self.aborted = 0
        self.contexts = 0
        self.generations = 0
        self._texts: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._journal: deque[Entry] = deque(maxlen=JOURNAL_ENTRIES)

    def reset(self) -> None:
        """Forgets what has been; what is open stays counted."""
        self._clear()

    def count_text(self, route: str, name: str, chars: int) -> None:
        """Notes that ``route`` was asked for the text of ``chars`` characters whose hash is ``name``."""
        key = (route, name)
        self._texts[key] = self._texts.get(key, 0) + 1
        self._texts.move_to_end(key)
        if len(self._texts) > TEXTS:
            self._texts.popitem(last=False)
        self.chars += chars

    def note(self, entry: Entry) -> None:
        """Adds a finished request to the journal."""
        self.statuses[str(entry.status)] += 1
        self._journal.append(entry)

    def journal(self, limit: int = JOURNAL_ENTRIES) -> list[dict[str, Any]]:
        """The last ``limit`` entries, oldest first."""
        entries = list(self._journal)[-limit:] if limit > 0 else []
        return [entry._asdict() for entry in entries]

    def repeated_texts(self) -> list[dict[str, Any]]:
        """Texts asked for more than once on one route, most often first: doubled upstream calls show here."""
        rows = [(count, route, name) for (route, name), count in self._texts.items() if count > 1]
        return [{"route": route, "text_hash": name, "count": count} for count, route, name in sorted(rows)[::-1]]

    def stats(self) -> dict[str, Any]:
        """Everything but the journal, as JSON values."""
        return {
            "requests": dict(self.requests),
            "requests_total": self.requests.total(),
            "statuses": dict(self.statuses),
            "closes": dict(self.closes),
            "faults": dict(self.faults),
            "bytes_out": self.bytes_out,
            "characters": self.chars,
            "aborted": self.aborted,
            "contexts_total": self.contexts,
            "generations_total": self.generations,
            **asdict(self.gauges),
            "repeated_texts": self.repeated_texts()[:100],
        }
