"""Tests of ``voice_backend.settings``."""

import pytest

from voice_backend.faults import Fault
from voice_backend.settings import Preset, SettingsError, check_time_scale, check_tts_url, read_strengths, read_switch


def on(strengths: dict[Fault, float]) -> set[str]:
    return {fault.value for fault, strength in strengths.items() if strength}


def test_the_preset_gives_the_set_and_faults_replace_it() -> None:
    """All, none, or those named; an empty list and ``none`` mean none."""
    assert on(read_strengths(Preset.BEFORE, None, (), {})) == set(Fault)
    assert on(read_strengths(Preset.AFTER, None, (), {})) == set()
    assert on(read_strengths(Preset.BEFORE, "dialogue_state, tts_chunk_refs", (), {})) == {
        "dialogue_state",
        "tts_chunk_refs",
    }
    assert on(read_strengths(Preset.BEFORE, "", (), {})) == set()
    assert on(read_strengths(Preset.BEFORE, "none", (), {})) == set()


def test_a_strength_changes_one_fault() -> None:
    """On top of whatever the set is; several in one text, as a variable has them."""
    strengths = read_strengths(Preset.AFTER, None, ["dialogue_state=0.1", "tts_chunk_refs=1,memory_tracker=0"], {})

    assert strengths[Fault.DIALOGUE_STATE] == 0.1
    assert on(strengths) == {"dialogue_state", "tts_chunk_refs"}


def test_a_fix_turns_off_its_own_fault_only() -> None:
    """One variable a fix, whatever the flags say."""
    for fault in Fault:
        found = read_strengths(Preset.BEFORE, None, [f"{fault}=1"], {f"FIX_{fault.name}": "true"})

        assert on(found) == set(Fault) - {fault}


@pytest.mark.parametrize(
    ("faults", "strengths", "environ", "said"),
    [
        ("tts", (), {}, "unknown fault 'tts'"),
        (None, ["tts_chunk_refs"], {}, "name=number"),
        (None, ["tts_chunk_refs=2"], {}, "from 0 to 1"),
        (None, ["tts_chunk_refs=nan"], {}, "from 0 to 1"),
        (None, ["x=1"], {}, "unknown fault 'x'"),
        (None, (), {"FIX_TTS_CHUNK_REFS": "perhaps"}, "expected true or false"),
    ],
)
def test_wrong_faults_say_what_was_expected(
    faults: str | None, strengths: list[str], environ: dict[str, str], said: str
) -> None:
    """Unknown names, strengths outside 0 to 1, and switches that are neither true nor false."""
    with pytest.raises(SettingsError, match=said):
        read_strengths(Preset.BEFORE, faults, strengths, environ)


@pytest.mark.parametrize(
    ("text", "expected"), [("true", True), (" Yes ", True), ("1", True), ("off", False), ("0", False), ("", False)]
)
def test_a_switch_reads_the_usual_words(text: str, expected: bool) -> None:
    """In any case, with blanks around."""
    assert read_switch("X", text) is expected


@pytest.mark.parametrize("url", ["", "127.0.0.1:80", "ftp://host", "http://", "http://host:99999", "http://[::1"])
def test_an_upstream_that_is_no_http_address_is_refused(url: str) -> None:
    """With the words that help."""
    with pytest.raises(SettingsError, match="--tts-url"):
        check_tts_url(url)


def test_an_upstream_address_is_taken_as_it_is() -> None:
    """With or without port and prefix."""
    assert check_tts_url("http://127.0.0.1:8880") == "http://127.0.0.1:8880"
    assert check_tts_url("https://api.elevenlabs.io/prefix") == "https://api.elevenlabs.io/prefix"


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf"), 1e9])
def test_a_time_scale_that_is_no_scale_is_refused(value: float) -> None:
    """Only numbers above 0, within reason."""
    with pytest.raises(SettingsError, match="--time-scale"):
        check_time_scale(value)
