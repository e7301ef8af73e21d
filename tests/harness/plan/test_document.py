"""The plan from file and flags."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.plan.document import load_plan

PLAN = """
[run]
duration = "2h"
speedup = 10
[target]
command = "node server.js"
retention = "30m"
[gates]
max-growth = "50 MB/min"
max_growth_per_query = "16 KiB"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_soak_toml_in_the_folder_is_found(folder: Path) -> None:
    """Units are parsed, hyphens are underscores, what is not given has its default."""
    (folder / "soak.toml").write_text(PLAN)

    plan = load_plan(None, {})

    assert (plan.run.duration_s, plan.run.speedup, plan.run.seed) == (7200.0, 10, 1)
    assert (plan.target.command, plan.target.retention_s) == ("node server.js", 1800.0)
    assert (plan.gates.max_growth, plan.gates.max_growth_per_query) == (3e9, 16384.0)


def test_a_flag_wins_over_the_file(folder: Path) -> None:
    """And leaves the file's other settings alone; another target replaces the file's."""
    (folder / "soak.toml").write_text(PLAN)

    plan = load_plan(None, {"gates": {"max_growth": "1 MB/min"}, "target": {"pid": 7}, "run": {"seed": None}})

    assert (plan.gates.max_growth, plan.gates.max_growth_per_query) == (6e7, 16384.0)
    assert (plan.target.pid, plan.target.command, plan.target.retention_s) == (7, None, 1800.0)


def test_pyproject_is_read_where_there_is_no_soak_toml(folder: Path) -> None:
    """Under [tool.soak]."""
    (folder / "pyproject.toml").write_text("[tool.soak.run]\nseed = 5\n[tool.other]\nx = 1\n")

    assert load_plan(None, {}).run.seed == 5


def test_nothing_at_all_is_a_plan_too(folder: Path) -> None:
    """Everything has a default."""
    assert load_plan(None, {}).run.out == Path("reports")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[run", "expected TOML in"),
        ("[run]\nspeed = 3", "run.speed is not a setting"),
        ("[rum]\nx = 3", "rum is not a setting"),
        ('[run]\nduration = "soon"', "run.duration: expected a duration .* found 'soon'"),
        ("[run]\nspeedup = 0", "run.speedup: .*greater than 0, found 0"),
        ('[target]\npid = 3\ncommand = "x"', "target: expected one target, found command and pid"),
        ('[target]\nbase_url = "ftp://x"', "expected a URL such as"),
        ('[target]\nbase_url = "http://127.0.0.1:99999"', "expected a port from 1 to 65535"),
        ("run = 3", "run: expected a table with settings, found 3"),
        ("[run]\nduraton = 3", "run.duraton is not a setting of voice-soak; did you mean run.duration\\?"),
        ("[run]\nmax_growth = 3", "run.max_growth is not a setting .* did you mean gates.max_growth\\?"),
        ("[rnu]\nx = 3", "rnu is not a setting of voice-soak; did you mean run\\?"),
        (
            '[[probes]]\nname = "x"\nkind = "json"\nurl = "http://h"\nfeilds = {}',
            "did you mean probes.0.json.fields\\?",
        ),
        ('[[probes]]\nname = "x"\nkind = "jsn"', "expected kind = one of process container node prometheus json"),
        ('[probes]\nname = "x"', "probes: expected a list"),
        ("[run]\nduration = true", "expected a value other than true and false for duration, found true"),
        ("[run]\nduration = inf", "run.duration: expected a finite number, found inf"),
        ("[gates]\nmax_memory = inf", "gates.max_memory: expected a finite number, found inf"),
        ("[gates]\nmax_growth = 5", "gates.max_growth: expected a rate with its unit such as '5 MB/min', found 5"),
        (
            '[gates]\nmax_growth = "1 MB/h"\nmax-growth = "9 MB/h"',
            "expected max_growth once in soak.toml: \\[gates\\], found it",
        ),
        ('[target]\nready_path = "health"', "expected a path such as .* found 'health'"),
        ('[target.env]\n"A=B" = "1"', "expected a variable's name such as .* found 'A=B'"),
        ('[target.env]\nA = "1\\u0000"', "expected text without zero bytes in the variable A"),
        ("\xff", "expected a readable plan"),
    ],
)
def test_a_wrong_plan_is_one_sentence(folder: Path, text: str, message: str) -> None:
    """It names the file, the setting, what was expected and what was found."""
    (folder / "soak.toml").write_bytes(text.encode("latin-1"))

    with pytest.raises(UsageError, match=message) as caught:
        load_plan(None, {})

    assert "soak.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_plan_that_is_asked_for_must_exist(folder: Path) -> None:
    """Unlike the default one."""
    with pytest.raises(UsageError, match=r"expected a plan at nightly\.toml, found no such file"):
        load_plan(Path("nightly.toml"), {})


@pytest.mark.parametrize("text", ["tool = 3\n", "[tool]\nsoak = 3\n"])
def test_a_project_file_may_be_wrong_as_well(folder: Path, text: str) -> None:
    """Something else where the table should be is told as what it is."""
    (folder / "pyproject.toml").write_text(text)

    with pytest.raises(UsageError, match=r"expected a table .* found 3"):
        load_plan(None, {})


def test_a_flag_does_not_hide_a_mistake_in_the_file(folder: Path) -> None:
    """A section that is none is refused also where the command line sets something in it."""
    (folder / "soak.toml").write_text("run = 3\n")

    with pytest.raises(UsageError, match="run: expected a table"):
        load_plan(None, {"run": {"duration": "5s"}})


def test_a_flag_replaces_what_it_contradicts(folder: Path) -> None:
    """A scenario the file's locustfile, and a duration also one under the name with its unit."""
    (folder / "soak.toml").write_text('[run]\nlocustfile = "own.py"\nduration_s = 60\n')

    plan = load_plan(None, {"run": {"scenario": "mixed", "duration": "5s"}})

    assert (plan.run.scenario, plan.run.locustfile, plan.run.duration_s) == ("mixed", None, 5.0)


def test_a_byte_order_mark_is_no_setting(folder: Path) -> None:
    """Some editors begin every file with one."""
    (folder / "soak.toml").write_bytes(b"\xef\xbb\xbf[run]\nseed = 7\n")

    assert load_plan(None, {}).run.seed == 7
