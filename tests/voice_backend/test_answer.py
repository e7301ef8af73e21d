"""Tests of ``voice_backend.answer``."""

from voice_backend.answer import SENTENCES, answer_sentences


def test_every_sentence_has_the_length_of_the_incidents_chunk() -> None:
    """48 characters each, so that the speech of each is 50,618 bytes."""
    assert {len(sentence) for sentence in SENTENCES} == {48}
    assert len(set(SENTENCES)) == len(SENTENCES)


def test_the_text_alone_decides_the_answer() -> None:
    """The same text gets the same four sentences, another text others."""
    assert answer_sentences("hello") == answer_sentences("hello")
    assert len(answer_sentences("hello")) == 4
    assert answer_sentences("hello") != answer_sentences("good bye")
