"""Where things stand in TOML and JSON: path of keys and list indices -> line.

The parsers of the standard library forget lines, and "agencies.toml has an unknown parent" is no help in a
file of 500 lines. So a text that the real parser has accepted is walked a second time here, only to
note lines. The walk relies on the text being valid; values it does not look at.
Lists of numbers (coordinates) are not noted: they are many, and their list's line does.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass

Keys = tuple[str | int, ...]

_GAP = re.compile(r"(?:[\s,]|#[^\n]*)*")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\])*"'
    r"|'[^']*'",
    re.DOTALL,
)
_PLAIN = re.compile(r"[^,\]}#\n]+")
_KEY = re.compile(r'[A-Za-z0-9_-]+|"(?:\\.|[^"\\])*"|' r"'[^']*'")
_DOT = re.compile(r"[ \t]*\.[ \t]*")
_SEPARATOR = re.compile(r"\s*[=:]\s*")


@dataclass(frozen=True, slots=True)
class Row:
    """One raw table or line of a file, with the lines of its parts. `path` is where it stands in the file.

    `name` says which it is where the line does not: tools write a whole map into one.
    """

    file: str
    values: Mapping[str, object]
    lines: Mapping[Keys, int]
    path: Keys = ()
    name: str = ""

    def line(self, *inner: str | int) -> int:
        """The line of a part of it; of what holds the part when that has no line of its own."""
        path = (*self.path, *inner)
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def child(self, values: Mapping[str, object], *inner: str | int) -> Row:
        """A table inside this one."""
        return Row(self.file, values, self.lines, (*self.path, *inner))


def toml_lines(text: str) -> dict[Keys, int]:
    """The line of every table, key and list element of a valid TOML text."""
    walk = _Walk(text)
    walk.document()
    return walk.lines


def json_lines(text: str) -> dict[Keys, int]:
    """The line of every key and of every text or object in a list of a valid JSON text."""
    walk = _Walk(text)
    walk.skip(_GAP)
    walk.value(())
    return walk.lines


class _Walk:
    def __init__(self, text: str) -> None:
        self.lines: dict[Keys, int] = {}
        self._text = text
        self._at = 0
        self._starts = [0, *(found.end() for found in re.finditer("\n", text))]
        self._counts: dict[Keys, int] = {}

    def document(self) -> None:
        """TOML outside of values: headers, and `key = value` under the last header."""
        table: Keys = ()
        self.skip(_GAP)
        while self._at < len(self._text):
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self.skip(_GAP)

    def value(self, path: Keys) -> None:
        """Walk over one value, noting what is inside it."""
        first = self._text[self._at]
        if first == "[":
            self._array(path)
        elif first == "{":
            self._table(path)
        else:
            self.skip(_STRING if first in "\"'" else _PLAIN)

    def skip(self, pattern: re.Pattern[str]) -> str:
        """Go past what the pattern matches here, and return it."""
        found = pattern.match(self._text, self._at)
        self._at = found.end() if found else len(self._text)
        return found.group() if found else ""

    def _header(self) -> Keys:
        depth = 2 if self._text.startswith("[[", self._at) else 1
        here = self._at
        self._at += depth
        self.skip(_GAP)
        path = self._resolve(self._keys(), is_list=depth == 2)
        self._note(path, here)
        self.skip(_GAP)
        self._at += depth
        return path

    def _resolve(self, keys: list[str], is_list: bool) -> Keys:
        """Headers name lists without index: they mean its last table, and [[x]] begins a new one."""
        path: Keys = ()
        for key in keys[:-1]:
            path = (*path, key)
            if path in self._counts:
                path = (*path, self._counts[path] - 1)
        path = (*path, keys[-1])
        if is_list:
            self._counts[path] = self._counts.get(path, 0) + 1
            path = (*path, self._counts[path] - 1)
        return path

    def _keys(self) -> list[str]:
        keys = [self.skip(_KEY).strip("\"'")]
        while _DOT.match(self._text, self._at):
            self.skip(_DOT)
            keys.append(self.skip(_KEY).strip("\"'"))
        return keys

    def _pair(self, table: Keys) -> None:
        here = self._at
        path = (*table, *self._keys())
        self._note(path, here)
        self.skip(_SEPARATOR)
        self.value(path)

    def _array(self, path: Keys) -> None:
        self._at += 1
        index = 0
        while not self._closes("]"):
            if self._text[self._at] in "\"'{":
                self._note((*path, index), self._at)
            self.value((*path, index))
            index += 1

    def _table(self, path: Keys) -> None:
        self._at += 1
        while not self._closes("}"):
            self._pair(path)

    def _closes(self, bracket: str) -> bool:
        self.skip(_GAP)
        if self._text[self._at] != bracket:
            return False
        self._at += 1
        return True

    def _note(self, path: Keys, at: int) -> None:
        self.lines[path] = bisect_right(self._starts, at)
