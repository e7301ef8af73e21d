"""What the users ask: no two queries of a run are equal, so that a backend's duplicate window swallows none."""

from __future__ import annotations

QUESTIONS: tuple[str, ...] = (
    "How did I sleep compared with last week?",
    "What should I eat before my morning run?",
    "Can you plan a workout for my legs today?",
    "How many calories did I burn yesterday?",
    "Is my resting heart rate getting better?",
    "Which stretch helps against a stiff neck?",
    "How much water should I drink this afternoon?",
    "Did I reach my step goal on Saturday?",
    "What is a good pace for a ten kilometre run?",
    "Should I rest today or do a light session?",
    "How do I breathe during a heavy lift?",
)


def text_of(number: int, seed: int, questions: tuple[str, ...] = ()) -> str:
    """The text of query ``number``; the same seed asks the same again. ``{n}`` in a question of the user's own becomes
    the query's number; where it is missing the number stands at the end."""
    asked = questions or QUESTIONS
    question = asked[(number + seed) % len(asked)]
    if "{n}" in question:
        return question.replace("{n}", str(number))
    return f"{question} ({seed}/{number})"
