"""Which processes belong to a target: its root, all descendants, and those whose parent has ended since."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.probes.procfs import Memory, NewestPid, ProcessFiles, Stat

_HELD_PROCESSES = 64
"""Of so many the files stay open; of more they are opened each time, for the sake of the limit on descriptors."""
Key = tuple[int, int]
"""A process: its pid, and its start in ticks since boot."""
GONE = (FileNotFoundError, ProcessLookupError)


@dataclass(slots=True)
class Member:
    """A process of the tree as it was at the last of ``looks`` readings; told from a later one with its pid by ``key``.

    ``regroups``: that reading told something new of what it shares memory with.
    """

    files: ProcessFiles
    key: Key
    stat: Stat
    memory: Memory
    looks: int = 0
    regroups: bool = True

    @classmethod
    def of(cls, files: ProcessFiles) -> Member:
        """Raises OSError when there is no such process, or it may not be read."""
        stat = files.stat()
        return cls(files, (files.pid, stat.start_ticks), stat, files.memory())

    def look(self) -> bool:
        """Reads it again; False once it has ended and nobody has its pid, or somebody else."""
        try:
            stat = self.files.stat()
            memory = self.files.memory()
        except GONE:
            return False
        self.regroups = (
            self.looks < 2
            or stat.lineage != self.stat.lineage
            or stat.zombie != self.stat.zombie
            or memory.text_size_bytes != self.memory.text_size_bytes
        )
        self.stat = stat
        self.memory = memory
        self.looks += 1
        return stat.start_ticks == self.key[1]


class ProcessTree:
    """The tree under process ``pid``, followed from tick to tick. The constructor raises OSError when it cannot.

    ``groups`` are its members by what can share anonymous memory, as of the last look: the same object while nothing
    has changed.
    """

    def __init__(self, pid: int, *, children: bool, proc: Path) -> None:
        self._proc = proc
        self._with_children = children
        self._members: dict[int, Member] = {}
        self.root = self._join(pid)
        self.groups: Sequence[Sequence[Member]] = ()
        self._newest = NewestPid(proc)
        self._newest_pid: bytes | None = None

    def look(self) -> Sequence[Member]:
        """Every member, read again, the root first; empty once the root has ended (a zombie has)."""
        seeks = self._with_children and self._has_new_pids()
        members, regroups = [], False
        waiting = list(self._members.values())
        for member in waiting:
            if not member.look():
                member.files.close()
                del self._members[member.files.pid]
                regroups = True
                continue
            members.append(member)
            regroups = regroups or member.regroups
            if seeks:
                waiting.extend(self._new_children(member))
        if self.root.files.pid not in self._members or self.root.stat.zombie:
            return ()
        if regroups:
            self.groups = forked_groups(members)
        return members

    def close(self) -> None:
        for member in self._members.values():
            member.files.close()
        self._members.clear()
        self._newest.close()

    def _join(self, pid: int) -> Member:
        files = ProcessFiles(pid, hold=len(self._members) < _HELD_PROCESSES, proc=self._proc)
        try:
            member = Member.of(files)
        except BaseException:
            files.close()
            raise
        self._members[pid] = member
        return member

    def _has_new_pids(self) -> bool:
        """Whether anybody on this machine may have had a child, or a thread, since the last call."""
        newest = self._newest.read()
        unchanged = newest is not None and newest == self._newest_pid
        self._newest_pid = newest
        return not unchanged

    def _new_children(self, member: Member) -> Iterator[Member]:
        """Joined, not looked at. The member's threads were counted after the newest pid was read: none is missed."""
        try:
            pids = member.files.children(member.stat.threads_count)
        except GONE:
            return
        for pid in pids:
            if pid not in self._members:
                try:
                    yield self._join(pid)
                except GONE:
                    continue


def forked_groups(members: Sequence[Member]) -> list[list[Member]]:
    """``members`` by what can share anonymous memory: those that forked from one another and run the same program.

    Where the kernel hides that from us, by the size of the program. A zombie holds nothing and is left out, and so is a
    child that has been started but has not begun its program yet (vfork): it lives in its parent's memory.
    """
    groups: dict[object, list[Member]] = {}
    for member in members:
        if member.stat.zombie:
            continue
        group = groups.setdefault(member.stat.lineage or member.memory.text_size_bytes, [])
        if member.looks == 1 and any(_is_vforked(member, other) for other in group):
            continue
        group.append(member)
    return list(groups.values())


def _is_vforked(child: Member, parent: Member) -> bool:
    if child.stat.parent_pid != parent.files.pid:
        return False
    try:
        return child.files.status().section == parent.files.status().section
    except GONE:
        return False
