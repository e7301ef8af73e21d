"""What the assistant says: an answer of four sentences, chosen by the query's text alone.

Each sentence has exactly 48 characters, the length whose speech is the 50,618-byte chunk of the incident,
so the bytes of an answer are known before it is spoken.
"""

from hashlib import blake2b

from voice_backend.faults import CHUNKS_PER_ANSWER

SENTENCES: tuple[str, ...] = (
    "A short walk after dinner helps you sleep better",
    "Drink a glass of water before your next session.",
    "Your last workout was eleven minutes longer now.",
    "Keep both shoulders low and breathe out as usual",
    "Three sets of eight squats will be enough today.",
    "You reached your weekly goal two days too early.",
    "Try to add some protein to your breakfast plate.",
    "Stretch the calves for thirty seconds each side.",
    "The plan for tomorrow has one easy run of 5 kms.",
    "Rest for ninety seconds between two heavy lifts.",
    "Your heart rate came down faster than last week.",
    "Let us move the long ride to Saturday afternoon.",
    "A banana before training gives you steady power.",
    "Remember to log how you felt after this workout.",
    "Start slowly and finish the final lap with ease.",
    "Good work today, the next session is on Tuesday.",
)


def answer_sentences(query_text: str) -> tuple[str, ...]:
    """The sentences of the answer, each one chunk of speech; the same text always gets the same answer."""
    digest = blake2b(query_text.encode(), digest_size=CHUNKS_PER_ANSWER).digest()
    return tuple(SENTENCES[byte % len(SENTENCES)] for byte in digest)
