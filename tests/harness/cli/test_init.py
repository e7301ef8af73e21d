"""The plan that `soak init` writes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.cli.init import TEMPLATE, init
from harness.errors import UsageError
from harness.plan.document import load_plan


def test_the_template_is_a_valid_plan_as_it_is_and_with_every_example_switched_on(tmp_path: Path) -> None:
    """No setting in it may be one that the plan does not know."""
    as_it_is, switched_on = tmp_path / "a.toml", tmp_path / "b.toml"
    as_it_is.write_text(TEMPLATE)
    examples = re.sub(r"^# (?=[a-z_]+ = |\[)", "", TEMPLATE, flags=re.MULTILINE)
    one_target = re.sub(r"^(pid|container|command) = .*$", "", examples, flags=re.MULTILINE)
    switched_on.write_text(one_target)

    assert load_plan(as_it_is, {}).run.scenario == "mixed"
    plan = load_plan(switched_on, {})
    assert (plan.target.retention_s, plan.gates.max_growth_per_query) == (1800.0, 4096.0)
    assert len(plan.probes) == 1
    assert plan.container is not None


def test_it_never_overwrites(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A second call is refused, '-' prints."""
    path = tmp_path / "soak.toml"
    init(path)
    with pytest.raises(UsageError, match="expected no file"):
        init(path)
    init(Path("-"))

    assert path.read_text() == TEMPLATE
    assert capsys.readouterr().out.endswith(TEMPLATE)
