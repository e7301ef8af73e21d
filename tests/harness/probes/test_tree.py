"""Which processes belong to a target."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.probes.procfs import PROC
from harness.probes.tree import Look, ProcessTree, forked_groups
from tests.support.target_processes import answer, python_process, tell

CHURN = """
import subprocess
print("up")
children = []
for line in iter(input, "end"):
    for child in children:
        child.kill()
        child.wait()
    children = [subprocess.Popen(["sleep", "60"]) for _ in range(int(line))]
    print(len(children))
"""


@contextmanager
def tree_of(pid: int, *, children: bool = True, proc: Path = PROC) -> Iterator[ProcessTree]:
    tree = ProcessTree(pid, children=children, proc=proc)
    try:
        yield tree
    finally:
        tree.close()


def test_two_hundred_children_come_and_go() -> None:
    """Every generation is found whole, more than files are held open for, and none of the last one stays."""
    with python_process(CHURN) as child, tree_of(child.pid) as tree:
        counts = []
        for wanted in (200, 0, 200, 3):
            tell(child, str(wanted))
            counts.append(len(tree.look()) - 1)
        tell(child, "0")

    assert counts == [200, 0, 200, 3]


def test_only_the_root_is_read_without_children() -> None:
    """The harness itself is sampled so: what it started is sampled for its own sake."""
    with python_process(CHURN) as child, tree_of(child.pid, children=False) as tree:
        tell(child, "2")
        looks = tree.look()
        tell(child, "0")

    assert [look.member.files.pid for look in looks] == [child.pid]


def test_a_child_whose_parent_ended_still_belongs() -> None:
    """What a daemon holds is the target's, although it is nobody's child any more."""
    code = (
        "import os, time\nprint('up')\nif os.fork() == 0:\n"
        "    if os.fork() == 0:\n        print(os.getpid()); time.sleep(60)\n"
        "    input(); os._exit(0)\nos.wait(); print('waited'); time.sleep(60)"
    )
    with python_process(code) as child, tree_of(child.pid) as tree:
        orphan = int(answer(child))
        with_parent = len(tree.look())
        assert tell(child, "end") == "waited"
        looks = tree.look()

    assert with_parent == 3
    assert [look.member.files.pid for look in looks] == [child.pid, orphan]


def test_an_ended_root_has_no_looks() -> None:
    """Also while nobody has waited for it: a zombie holds nothing."""
    with python_process("print('up'); input()") as child, tree_of(child.pid) as tree:
        assert len(tree.look()) == 1
        child.kill()
        assert child.wait() < 0

        assert tree.look() == []


def test_a_reused_pid_is_another_process(tmp_path: Path) -> None:
    """The same pid with another start time is not the target, however alike the two are."""
    folder = tmp_path / "7"
    (folder / "task").mkdir(parents=True)
    stat = "7 (target) S 1 7 7 0 -1 0 0 0 0 0 1 1 0 0 20 0 1 0 {} 0 0 0 1 2 3" + " 0" * 16 + " 4 5 6 7 0 0 0 0\n"
    (folder / "stat").write_text(stat.format(1000))
    (folder / "status").write_text("Name:\tx\n")
    with tree_of(7, proc=tmp_path) as tree:
        before = len(tree.look())
        (folder / "stat").write_text(stat.format(2000))

        assert (before, tree.look()) == (1, [])


def test_no_process_is_an_error() -> None:
    """The probe turns it into a reason."""
    with pytest.raises(FileNotFoundError):
        ProcessTree(2**22 + 1, children=True, proc=PROC)


def test_forked_workers_are_one_group_and_other_programs_are_not() -> None:
    """Only processes that run the same program from one fork to the next can share anonymous memory."""
    code = (
        "import os, subprocess, time\nother = subprocess.Popen(['sleep', '60'])\n"
        "for _ in range(2):\n    if os.fork() == 0:\n        time.sleep(60)\n"
        "print('up'); time.sleep(60)"
    )
    with python_process(code) as child, tree_of(child.pid) as tree:
        looks = _settled(tree, 4)
        sizes = sorted(len(group) for group in forked_groups(looks))

    assert sizes == [1, 3]


def test_a_child_that_has_not_begun_its_program_is_left_out() -> None:
    """Between vfork and exec it lives in its parent's memory, which must not count twice."""
    with python_process("print('up'); input()") as child, tree_of(child.pid) as tree:
        (parent,) = tree.look()
        vforked = Look(
            member=type(parent.member)(parent.member.files, parent.member.start_ticks + 1, looks=1),
            stat=type(parent.stat)(parent.stat.start_ticks + 1, child.pid, False, 0.0, parent.stat.lineage),
            status=parent.status,
        )

        assert forked_groups([parent, vforked]) == [[parent]]


def _settled(tree: ProcessTree, count: int) -> list[Look]:
    """Looks until ``count`` processes have begun their programs; bounded by the test's timeout."""
    while True:
        looks = tree.look()
        if len(looks) == count and sum(look.status.rss_bytes > 0 for look in looks) == count:
            return looks
