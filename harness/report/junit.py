"""``junit.xml``: the verdict for CI servers; a suite is a run, a case a gate, inconclusive is skipped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree import ElementTree

from harness.model import Outcome
from harness.report.story import gate_limit, gate_title, gate_value, why
from harness.report.text import printable
from harness.verdict import GateResult, Verdict


@dataclass(frozen=True, slots=True)
class Suite:
    """Which run it is; ``started_at`` as in the manifest, UTC."""

    run_id: str
    scenario: str
    started_at: str
    duration_s: float


def junit_text(verdict: Verdict, suite: Suite) -> str:
    """The XML, in the dialect that Jenkins, GitLab and GitHub's reporters read."""
    cases = [_gate_case(name, gate, suite) for name, gate in _named_once(verdict.gates)]
    said = {gate.outcome for gate in verdict.gates}
    if verdict.outcome is Outcome.INVALID or not cases or (verdict.outcome not in said and cases):
        cases.insert(0, _run_case(verdict, suite))
    counts = {
        "tests": str(len(cases)),
        "failures": str(sum(case.find("failure") is not None for case in cases)),
        "errors": str(sum(case.find("error") is not None for case in cases)),
        "skipped": str(sum(case.find("skipped") is not None for case in cases)),
        "time": f"{suite.duration_s:.3f}",
    }
    root = ElementTree.Element("testsuites", {"name": "voice-soak", **counts})
    attributes = {"name": printable(suite.run_id or suite.scenario or "run"), **counts}
    if stamp := _timestamp(suite.started_at):
        attributes["timestamp"] = stamp
    element = ElementTree.SubElement(root, "testsuite", attributes)
    properties = ElementTree.SubElement(element, "properties")
    for name, value in (("outcome", verdict.outcome.value), ("why", why(verdict)), ("metric", verdict.memory.metric)):
        ElementTree.SubElement(properties, "property", {"name": name, "value": printable(value, 1000)})
    element.extend(cases)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _timestamp(started_at: str) -> str | None:
    """UTC without an offset, as the dialect wants it; None for what is no time."""
    try:
        moment = datetime.fromisoformat(started_at)
    except ValueError:
        return None
    utc = moment.astimezone(UTC) if moment.tzinfo else moment
    return utc.replace(tzinfo=None).isoformat(timespec="seconds")


def _named_once(gates: Iterable[GateResult]) -> Iterator[tuple[str, GateResult]]:
    """The gates with a name each: a log rule may have several bounds, and readers take cases of one name for one."""
    given: Counter[str] = Counter()
    for gate in gates:
        name = f"{gate.name}[{gate.kind}]" if gate.kind else gate.name
        given[name] += 1
        yield (name if given[name] == 1 else f"{name}#{given[name]}"), gate


def _gate_case(name: str, gate: GateResult, suite: Suite) -> ElementTree.Element:
    measured = f"{gate_title(gate)}: measured {gate_value(gate)}; limit {gate_limit(gate)}"
    return _case(name, suite, gate.outcome, measured, 0.0)


def _run_case(verdict: Verdict, suite: Suite) -> ElementTree.Element:
    """The outcome itself, where no gate says it: an invalid run, or one that may not pass for another reason."""
    message = "; ".join([why(verdict), *(printable(reason) for reason in verdict.reasons)])
    return _case("run", suite, verdict.outcome, message, suite.duration_s)


_ELEMENTS = {Outcome.FAIL: "failure", Outcome.INVALID: "error", Outcome.INCONCLUSIVE: "skipped"}


def _case(name: str, suite: Suite, outcome: Outcome, message: str, time_s: float) -> ElementTree.Element:
    classname = f"voice-soak.{suite.scenario or 'run'}"
    case = ElementTree.Element(
        "testcase", {"classname": printable(classname), "name": printable(name), "time": f"{time_s:.3f}"}
    )
    if outcome in _ELEMENTS:
        attributes = {"message": printable(message, 2000)}
        if outcome is not Outcome.INCONCLUSIVE:
            attributes["type"] = outcome.value
        ElementTree.SubElement(case, _ELEMENTS[outcome], attributes).text = printable(message, 2000)
    else:
        ElementTree.SubElement(case, "system-out").text = printable(message, 2000)
    return case
