"""Which processes belong to a target: its root, all descendants, and those whose parent has ended since."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.probes.procfs import NewestPid, ProcessFiles, Stat, Status

_HELD_PROCESSES = 64
"""Of so many the files stay open; of more they are opened each time, for the sake of the limit on descriptors."""
Key = tuple[int, int]
"""A process: its pid, and its start in ticks since boot."""
GONE = (FileNotFoundError, ProcessLookupError)


@dataclass(slots=True)
class Member:
    """A process of the tree, told from a later one with its pid by ``start_ticks``; ``looks`` counts its readings."""

    files: ProcessFiles
    start_ticks: int
    looks: int = 0

    @property
    def key(self) -> Key:
        return self.files.pid, self.start_ticks


@dataclass(frozen=True, slots=True)
class Look:
    """A member as it is at this tick."""

    member: Member
    stat: Stat
    status: Status


class ProcessTree:
    """The tree under process ``pid``, followed from tick to tick. The constructor raises OSError when it cannot."""

    def __init__(self, pid: int, *, children: bool, proc: Path) -> None:
        self._proc = proc
        self._with_children = children
        self._members: dict[int, Member] = {}
        self.root = self._join(pid)
        self._newest = NewestPid(proc)
        self._newest_pid: bytes | None = None

    def look(self) -> list[Look]:
        """Every member's state, the root's first; empty once the root has ended (a zombie has)."""
        if self._with_children:
            self._find_children()
        looks = [look for member in list(self._members.values()) if (look := self._look_at(member)) is not None]
        return looks if looks and looks[0].member is self.root and not looks[0].stat.zombie else []

    def close(self) -> None:
        for member in self._members.values():
            member.files.close()
        self._members.clear()
        self._newest.close()

    def _join(self, pid: int) -> Member:
        files = ProcessFiles(pid, hold=len(self._members) < _HELD_PROCESSES, proc=self._proc)
        try:
            member = Member(files, files.stat().start_ticks)
        except BaseException:
            files.close()
            raise
        self._members[pid] = member
        return member

    def _look_at(self, member: Member) -> Look | None:
        try:
            look = Look(member, member.files.stat(), member.files.status())
        except GONE:
            look = None
        if look is None or look.stat.start_ticks != member.start_ticks:
            member.files.close()
            del self._members[member.files.pid]
            return None
        member.looks += 1
        return look

    def _find_children(self) -> None:
        newest = self._newest.read()
        if newest is not None and newest == self._newest_pid:
            return  # nobody on this machine has had a child since
        self._newest_pid = newest
        waiting = list(self._members.values())
        while waiting:
            waiting.extend(self._new_children(waiting.pop()))

    def _new_children(self, member: Member) -> Iterator[Member]:
        try:
            pids = member.files.children()
        except GONE:
            return
        for pid in pids:
            if pid not in self._members:
                try:
                    yield self._join(pid)
                except GONE:
                    continue


def forked_groups(looks: Sequence[Look]) -> list[list[Look]]:
    """``looks`` by what can share anonymous memory: processes that forked from one another and run the same program.

    Where the kernel hides that from us, by the size of the program. A child that has been started but has not begun its
    program yet (vfork) lives in its parent's memory and is left out.
    """
    groups: dict[object, list[Look]] = {}
    for look in looks:
        group = groups.setdefault(look.stat.lineage or look.status.text_size_bytes, [])
        if look.member.looks == 1 and any(_is_vforked(look, other) for other in group):
            continue
        group.append(look)
    return list(groups.values())


def _is_vforked(child: Look, parent: Look) -> bool:
    return child.stat.parent_pid == parent.member.files.pid and child.status.section == parent.status.section
