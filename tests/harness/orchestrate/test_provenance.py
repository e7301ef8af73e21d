"""What a manifest says, and what it must not say."""

from __future__ import annotations

import json
from pathlib import Path

from harness.model import Role
from harness.orchestrate.provenance import host_facts, public_config, versions
from harness.plan.document import Plan
from harness.probes.process import ProcessTreeProbe
from tests.support.target_processes import answer, go_stand_in, java_stand_in, process


def test_secrets_never_reach_the_manifest() -> None:
    """By name of a setting, in a URL, behind a flag, in an assignment."""
    plan = Plan.model_validate(
        {
            "target": {
                "command": "server --api-key s3cr3t1 --token=s3cr3t2 PASSWORD=s3cr3t3",
                "env": {"ELEVENLABS_API_KEY": "s3cr3t4", "MODE": "fast"},
                "base_url": "http://user:s3cr3t5@127.0.0.1:80",
            },
            "load": {"headers": {"Authorization": "Bearer s3cr3t6", "Accept": "*/*"}},
        }
    )

    text = json.dumps(public_config(plan))

    assert "s3cr3t" not in text
    assert '"MODE": "fast"' in text
    assert text.count("***") == 6


def test_limits_stand_under_the_names_that_the_judgement_reads() -> None:
    """A stored run can be judged again under its own limits."""
    plan = Plan.model_validate({"gates": {"max_growth": "50 MB/min"}})

    assert public_config(plan)["gates"]["max_growth_bytes_per_h"] == 3e9


def test_the_machine_is_described() -> None:
    """Enough to know whether two runs may be compared."""
    assert {"kernel", "cores_count", "memory_bytes", "page_size_bytes"} <= host_facts().keys()
    assert {"python", "voice-soak", "locust"} == versions().keys()


def test_the_largest_heap_of_a_java_target_is_found_unless_the_plan_says_it(tmp_path: Path) -> None:
    """A stand-in that is called java, sampled by its pid; one sampled as an observer is none of the target's."""
    with process([str(java_stand_in(tmp_path)), "-c", "echo up; read line", "-Xmx300m"]) as child:
        answer(child)
        target, observer = (ProcessTreeProbe(role, Role(role), child.pid, 1.0) for role in ("target", "mock"))
        told = Plan.model_validate({"target": {"heap_limit": "1 GiB"}})

        assert public_config(Plan(), [observer, target])["target"]["heap_limit"] == 300 * 2**20
        assert public_config(Plan(), [observer])["target"]["heap_limit"] is None
        assert public_config(told, [target])["target"]["heap_limit"] == 2**30


def test_what_a_go_target_may_hold_as_garbage_is_found_unless_the_plan_says_it(tmp_path: Path) -> None:
    """A stand-in with the mark of Go's linker."""
    with process([str(go_stand_in(tmp_path)), "-c", "echo up; read line"]) as child:
        answer(child)
        target = ProcessTreeProbe("target", Role.TARGET, child.pid, 1.0)
        told = Plan.model_validate({"target": {"garbage_share": 0.2}})

        assert public_config(Plan(), [target])["target"]["garbage_share"] == 0.5
        assert public_config(told, [target])["target"]["garbage_share"] == 0.2
