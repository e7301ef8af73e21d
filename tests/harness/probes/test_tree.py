"""Which processes belong to a target."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.probes.procfs import PROC
from harness.probes.tree import Member, ProcessTree, forked_groups
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
        members = tree.look()
        tell(child, "0")

    assert [member.files.pid for member in members] == [child.pid]


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
        members = tree.look()

    assert with_parent == 3
    assert [member.files.pid for member in members] == [child.pid, orphan]


def test_an_ended_root_has_no_looks() -> None:
    """Also while nobody has waited for it: a zombie holds nothing."""
    with python_process("print('up'); input()") as child, tree_of(child.pid) as tree:
        assert len(tree.look()) == 1
        child.kill()
        assert child.wait() < 0

        assert tree.look() == ()


def test_a_reused_pid_is_another_process(tmp_path: Path) -> None:
    """The same pid with another start time is not the target, however alike the two are."""
    folder = tmp_path / "7"
    (folder / "task").mkdir(parents=True)
    stat = "7 (target) S 1 7 7 0 -1 0 0 0 0 0 1 1 0 0 20 0 1 0 {} 0 0 0 1 2 3" + " 0" * 16 + " 4 5 6 7 0 0 0 0\n"
    (folder / "stat").write_text(stat.format(1000))
    (folder / "statm").write_text("50 40 30 20 0 10 0\n")
    with tree_of(7, proc=tmp_path) as tree:
        before = len(tree.look())
        (folder / "stat").write_text(stat.format(2000))

        assert (before, tree.look()) == (1, ())


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
        _await_programs(tree, 4)
        sizes = sorted(len(group) for group in tree.groups)

    assert sizes == [1, 3]


def test_a_child_that_has_not_begun_its_program_is_left_out() -> None:
    """Between vfork and exec it lives in its parent's memory, which must not count twice."""
    with python_process("print('up'); input()") as child, tree_of(child.pid) as tree:
        (parent,) = tree.look()
        stat = parent.stat._replace(start_ticks=parent.key[1] + 1, parent_pid=child.pid)
        vforked = Member(parent.files, (child.pid, stat.start_ticks), stat, parent.memory, looks=1)

        assert forked_groups([parent, vforked]) == [[parent]]


def test_groups_are_found_again_when_a_member_comes_goes_or_starts_another_program() -> None:
    """And are the same object in between, so that nothing that rests on them is worked out at every tick."""
    code = (
        "import os\nprint('up'); input()\nread, write = os.pipe()\nif os.fork() == 0:\n"
        "    os.read(read, 1); os.execvp('sleep', ['sleep', '60'])\nprint('forked'); input()\n"
        "os.write(write, b'.'); print('told'); input()"
    )
    with python_process(code) as child, tree_of(child.pid) as tree:
        for _ in range(3):
            tree.look()
        alone = tree.groups
        tree.look()
        same = tree.groups is alone
        tell(child, "fork")
        tree.look()
        forked = [len(group) for group in tree.groups]
        tell(child, "exec")
        while len(tree.groups) == 1:
            tree.look()

    assert (same, forked, [len(group) for group in tree.groups]) == (True, [2], [1, 1])


def test_children_that_nobody_has_waited_for_hold_nothing() -> None:
    """Zombies are processes of the tree, but share no memory with one another."""
    code = (
        "import os\nfor _ in range(3):\n    pid = os.fork()\n    if pid == 0:\n        os._exit(0)\n"
        "    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)\nprint('up'); input()"
    )
    with python_process(code) as child, tree_of(child.pid) as tree:
        members = tree.look()

        assert (len(members), [len(group) for group in tree.groups]) == (4, [1])


def _await_programs(tree: ProcessTree, count: int) -> None:
    """Looks until ``count`` processes have begun their programs; bounded by the test's timeout."""
    while len(members := tree.look()) != count or any(member.memory.rss_bytes == 0 for member in members):
        pass
