"""What is wrong with a city folder. Problems are collected, never raised one by one.

Whoever edits a folder wants the whole list at once; so readers and checks add to one `Report`, and only
`load_city` raises, at the end, when the report is not empty.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from callmesh.directory.located import Row


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One fault. Line 0 means the file as a whole (it is missing)."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.reason}"


class BadCity(ValueError):
    """A folder that is no valid city; its text has one line for each problem."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@dataclass(slots=True)
class Report:
    """Collects problems while a folder is read and checked."""

    problems: list[Problem] = field(default_factory=list)

    def add(self, file: str, line: int, reason: str) -> None:
        """A problem at a line."""
        self.problems.append(Problem(file, line, reason))

    def about(self, row: Row, reason: str, *path: str | int) -> None:
        """A problem of a row, or of the key (and list element) of it that `path` names."""
        self.add(row.file, row.line(*path), f"{row.name}: {reason}" if row.name else reason)

    def sorted(self) -> list[Problem]:
        """Each problem once, by file and line."""
        return sorted(set(self.problems))
