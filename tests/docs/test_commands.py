"""Every command that a page shows is one that the programs take."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import typer.main

from harness.cli.app import COMMANDS, command_line
from tests.support.documents import ROOT, Shown, shown_commands
from tests.support.help_pages import help_of

SHOWN = list(shown_commands())


def _parse_soak(words: Sequence[str]) -> None:
    group = typer.main.get_command(command_line(COMMANDS))
    name, *arguments = words
    command = group.commands[name]  # type: ignore[attr-defined]
    command.make_context(name, list(arguments))


def test_pages_show_commands() -> None:
    """The search for them finds those that everybody starts with."""
    assert {("make", "soak"), ("soak", "init"), ("soak", "run", "mixed")} <= {shown.words for shown in SHOWN}


@pytest.mark.parametrize("shown", [s for s in SHOWN if s.words[0] == "soak" and len(s.words) > 1], ids=str)
def test_soak_takes_it(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its subcommand, options and arguments are read without a complaint."""
    monkeypatch.chdir(ROOT)
    _parse_soak(shown.words[1:])


@pytest.mark.parametrize("shown", [s for s in SHOWN if s.words[0] == "make"], ids=str)
def test_make_has_it(shown: Shown) -> None:
    """A rule of that name stands in the Makefile."""
    rules = (ROOT / "Makefile").read_text(encoding="utf-8")

    assert all(f"\n{target}:" in rules for target in shown.words[1:])


@pytest.mark.parametrize("shown", [s for s in SHOWN if s.words[0] == "python"], ids=str)
def test_the_benchmark_has_its_options(shown: Shown) -> None:
    """The file is there and names every option."""
    source = (ROOT / shown.words[1]).read_text(encoding="utf-8")

    assert all(f'"{word}"' in source for word in shown.words[2:] if word.startswith("--"))


@pytest.mark.parametrize("shown", [s for s in SHOWN if s.words[0] in ("mock-tts", "voice-backend")], ids=str)
def test_the_servers_take_it(shown: Shown) -> None:
    """Every option is in the help of the command."""
    known = help_of(*shown.words[:2])

    assert all(word in known for word in shown.words[2:] if word.startswith("--"))
