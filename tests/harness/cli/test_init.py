"""The plan that `soak init` writes."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from harness.cli.init import TEMPLATE, init
from harness.errors import UsageError
from harness.plan.container import ContainerSection
from harness.plan.document import Plan, load_plan
from harness.plan.log_rules import PRESETS
from harness.plan.probes import ProbeEntry

_TABLE = re.compile(r"^(?:# )?(?=\[+[a-z])", re.MULTILINE)
_NAME = re.compile(r"\[+([a-z_]+(?:\.[a-z_]+)?)")
_SETTING = re.compile(r"^(?:# )?(?=([a-z_]+) = )", re.MULTILINE)
_OTHER_TARGETS = re.compile(r"^(pid|container|command) = .*$", re.MULTILINE)


def _switched_on() -> list[tuple[str, str]]:
    """The name of each table of the template, and its text with every setting in force."""
    tables = [_SETTING.sub("", text) for text in _TABLE.split(TEMPLATE)[1:]]
    return [(found[1], text) for text in tables if (found := _NAME.match(text))]


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The tables that a field of this type may hold."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _keys(table: type[BaseModel], path: str = "") -> Iterator[str]:
    """Every setting of ``table`` and of the tables in it, with its path."""
    for name, field in table.model_fields.items():
        inner = list(_models(field.annotation))
        for model in inner:
            yield from _keys(model, f"{path}{name}.")
        if not inner:
            yield path + name.removesuffix("_s").removesuffix("_")


def test_every_setting_of_every_table_is_shown_and_nothing_else() -> None:
    """So `soak init` can be named as the place where they all stand."""
    shown = {
        f"{name}.{key}" for name, text in _switched_on() for key in re.findall(r"^([a-z_]+) = ", text, re.MULTILINE)
    }

    assert sorted(shown - {"log_rules.preset"}) == sorted(set(_keys(Plan)))


def test_every_kind_of_probe_and_every_preset_has_an_example() -> None:
    """A new one is asked for here."""
    entries = [tomllib.loads(text) for name, text in _switched_on() if name in ("probes", "log_rules")]
    kinds = [probe["kind"] for entry in entries for probe in entry.get("probes", ())]
    presets = [rule["preset"] for entry in entries for rule in entry.get("log_rules", ()) if "preset" in rule]
    known = [get_args(model.model_fields["kind"].annotation)[0] for model in _models(ProbeEntry)]

    assert sorted(kinds) == sorted(known)
    assert sorted(presets) == sorted(PRESETS)


def _plan_with_everything(folder: Path) -> Plan:
    """Of the targets only the reference backend, as there may be but one; the container is the one of an image."""
    path = folder / "everything.toml"
    tables = [_OTHER_TARGETS.sub("", text) if name == "target" else text for name, text in _switched_on()]
    path.write_text("".join(text for text in tables if "compose_service = " not in text))
    return load_plan(path, {})


def _tables(value: Any) -> Iterator[BaseModel]:
    if isinstance(value, BaseModel):
        yield value
        for name in type(value).model_fields:
            yield from _tables(getattr(value, name))
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else ():
        yield from _tables(inner)


def test_the_template_is_a_valid_plan_as_it_is_and_with_every_example_switched_on(tmp_path: Path) -> None:
    """No setting in it may be one that the plan does not know."""
    as_it_is = tmp_path / "a.toml"
    as_it_is.write_text(TEMPLATE)
    service = next(text for _, text in _switched_on() if "compose_service = " in text)

    assert load_plan(as_it_is, {}) == Plan.model_validate({"run": {"scenario": "mixed"}})
    assert ContainerSection.model_validate(tomllib.loads(service)["container"]).compose_service == "voice"
    plan = _plan_with_everything(tmp_path)
    assert (plan.target.retention_s, plan.gates.max_growth_per_query) == (1800.0, 4096.0)
    assert plan.container is not None
    assert {rule.subject for rule in plan.gates.rules()} >= {"disconnect", "alarm", "runtime.cache_count"}


def test_what_has_a_default_is_shown_with_it(tmp_path: Path) -> None:
    """Who takes the '#' off such a line has changed nothing yet."""
    told = {
        f"{type(table).__name__}.{name}": (getattr(table, name), default)
        for table in _tables(_plan_with_everything(tmp_path))
        if table not in PRESETS["incident"]
        for name, field in type(table).model_fields.items()
        if not list(_models(field.annotation))
        and (default := field.get_default(call_default_factory=True)) not in (None, "", (), {})
        and not field.is_required()
    }

    assert {name: pair for name, pair in told.items() if pair[0] != pair[1]} == {}
    assert len(told) > 30


def test_it_never_overwrites(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A second call is refused, '-' prints."""
    path = tmp_path / "soak.toml"
    init(path)
    with pytest.raises(UsageError, match="expected no file"):
        init(path)
    init(Path("-"))

    assert path.read_text() == TEMPLATE
    assert capsys.readouterr().out.endswith(TEMPLATE)
