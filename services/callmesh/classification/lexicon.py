"""The lexicon: tables an agency's staff can edit (data/README.md), read and checked as one value.

A term row says that a word is a danger (trigger), a matter (category), a harmless homograph (mask),
part of a pattern (class) or changes its neighbours (modifier). A pattern row joins classes that are
only dangerous, or only clear, together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from callmesh.classification.sounds import Sounds
from callmesh.classification.tables import LexiconError, Row, cells, expand, is_dated, read
from callmesh.classification.text import fold_cell

__all__ = ["Lexicon", "LexiconError", "Pattern", "Term"]

KINDS = ("trigger", "category", "mask", "class", "modifier")
MODIFIERS = ("negation", "past", "present", "hypothetical", "fear", "drill", "question", "joke")
FLAGS = ("hard", "now", "exact", "generic", "harm", "alike", "despite", "alone")
_GRAVE = 3
_PACKAGED = Path(__file__).parent / "data"
_TERMS = "term kind target weight flags note"
_PATTERNS = "parts kind target window weight flags note"
_SOUNDS = "syllable first also"


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """One row of lexicon.tsv; `words` are the spellings its term cell stands for, folded as reports are."""

    words: tuple[str, ...]
    kind: str
    target: str
    weight: int
    flags: frozenset[str]
    line: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """One row of patterns.tsv: all `parts` within `window` characters and none of `without` near them.

    Each part names classes of which one must be there; `ordered` parts follow each other.
    """

    name: str
    parts: tuple[tuple[str, ...], ...]
    without: frozenset[str]
    ordered: bool
    kind: str
    target: str
    window: int
    weight: int
    flags: frozenset[str]


@dataclass(frozen=True, slots=True)
class Lexicon:
    """All rules of classification. `version` names their content."""

    terms: tuple[Term, ...]
    patterns: tuple[Pattern, ...]
    sounds: Sounds
    version: str

    @staticmethod
    def load(path: str | Path | None = None, day: date | None = None) -> Lexicon:
        """Read a folder of tables (or the packaged one). Tables the folder lacks are the packaged ones.

        `day` leaves out the rows that are in force later only; what is wrong with one of them is said today.
        """
        files = files_of(path)
        if day and any(map(is_dated, files)):
            Lexicon.load(path)
        tables = read(files[0], _TERMS, day), read(files[1], _PATTERNS, day)
        terms = list(_terms(tables[0]))
        _unmasked(terms, files[0])
        rows = [_named(row, terms) for row in tables[1]]
        patterns = tuple(_patterns(rows, terms))
        return Lexicon(tuple(terms), patterns, sounds_of(files), _version(files, tables))


def files_of(path: str | Path | None = None) -> list[Path]:
    """The tables of terms, patterns and sounds of a folder; what it lacks is packaged. Raises LexiconError."""
    folder = Path(path) if path is not None else _PACKAGED
    named = {folder.name: folder} if folder.is_file() else {}
    base = folder.parent if folder.is_file() else folder
    files = [named.get(name) or _choose(base, name) for name in ("lexicon.tsv", "patterns.tsv", "sounds.tsv")]
    if named and folder not in files:
        files[0] = folder
    return files


def sounds_of(files: list[Path]) -> Sounds:
    """How characters sound, by the last of a lexicon's three tables."""
    return Sounds(read(files[2], _SOUNDS))


def _choose(folder: Path, name: str) -> Path:
    if not folder.is_dir():
        raise LexiconError(f"{folder}:0: no such folder")
    return folder / name if (folder / name).exists() else _PACKAGED / name


def _version(files: Iterable[Path], tables: Iterable[list[Row]]) -> str:
    """Of the files' content and of how many of their rows are in force."""
    parts = [file.read_bytes() for file in files] + [str(len(rows)).encode() for rows in tables]
    digest = hashlib.sha256(b"\0".join(parts))
    return f"lex-{digest.hexdigest()[:10]}"


def _terms(rows: Iterable[Row]) -> Iterable[Term]:
    seen: dict[tuple[str, str, str], int] = {}
    for row in rows:
        term, kind, target, weight, flags, _ = cells(row, 6)
        first = seen.setdefault((term, kind, target), row.line)
        if first != row.line:
            raise row.wrong(f"duplicate of line {first}: {term!r} {kind} {target}")
        _check(row, kind, KINDS, target)
        yield Term(_words(row, kind, term), kind, target, _weight(row, kind, weight), _flags(row, flags), row.line)


def _words(row: Row, kind: str, template: str) -> tuple[str, ...]:
    """The folded words of a cell. Of a danger row, words that merely contain another one are left out."""
    words = expand(row, fold_cell(template))
    if kind != "trigger":
        return tuple(words)
    known = frozenset(words)
    lengths = sorted({len(word) for word in known})
    return tuple(word for word in words if not _contains_another(word, known, lengths))


def _contains_another(word: str, known: frozenset[str], lengths: list[int]) -> bool:
    """True when a proper part of an ideographic word is itself in the row, whose words have these lengths."""
    if word.isascii():
        return False
    for length in lengths:
        if length >= len(word):
            return False
        for start in range(len(word) - length + 1):
            if word[start : start + length] in known:
                return True
    return False


def _unmasked(terms: list[Term], file: Path) -> None:
    """Refuse a mask that is a danger word itself; who means it says so with the flag `despite`."""
    dangers = {word for term in terms if term.kind == "trigger" and term.weight == _GRAVE for word in term.words}
    for term in terms:
        hidden = [word for word in term.words if word in dangers] if term.kind == "mask" else []
        if hidden and "despite" not in term.flags:
            raise LexiconError(f"{file}:{term.line}: the mask hides the danger {hidden[0]!r}; flag it despite if meant")


def _named(row: Row, terms: list[Term]) -> Row:
    """A pattern whose words stand in it, [跨|翻] > [栏杆], with a class made of each bracket."""
    parts = row.cells[0]
    while "[" in parts:
        before, _, rest = parts.partition("[")
        template, closed, after = rest.partition("]")
        if not closed:
            raise row.wrong(f"a bracket of {row.cells[0]!r} is not closed")
        name = f"={hashlib.sha256(template.encode()).hexdigest()[:10]}"
        if not any(term.target == name for term in reversed(terms)):
            terms.append(Term(expand(row, fold_cell(template)), "class", name, 0, frozenset({"exact"})))
        parts = before + name + after
    return Row(row.file, row.line, (parts, *row.cells[1:]))


def _patterns(rows: Iterable[Row], terms: Iterable[Term]) -> Iterable[Pattern]:
    known = {term.target for term in terms if term.kind == "class"}
    seen: dict[tuple[str, str], int] = {}
    for row in rows:
        parts, kind, target, window, weight, flags, _ = cells(row, 7)
        first = seen.setdefault((parts, target), row.line)
        if first != row.line:
            raise row.wrong(f"duplicate of line {first}: {parts!r} {target}")
        _check(row, kind, ("trigger", "category"), target)
        if not window.isdigit():
            raise row.wrong(f"window {window!r} is not a number")
        wanted, without = _parts(row, parts, known)
        yield Pattern(
            parts, wanted, without, ">" in parts, kind, target, int(window), _weight(row, kind, weight),
            _flags(row, flags),
        )  # fmt: skip


def _parts(row: Row, text: str, known: set[str]) -> tuple[tuple[tuple[str, ...], ...], frozenset[str]]:
    """Read "child|elder + missing - pet"."""
    wanted_text, *excluded = text.replace(">", "+").split(" - ")
    wanted = tuple(tuple(dict.fromkeys(part.strip().split("|"))) for part in wanted_text.split("+"))
    without = frozenset(part.strip() for group in excluded for part in group.split("|"))
    for name in without.union(*wanted):
        if name not in known:
            raise row.wrong(f"class {name!r} has no term")
    return wanted, without


def _check(row: Row, kind: str, kinds: tuple[str, ...], target: str) -> None:
    if kind not in kinds:
        raise row.wrong(f"kind {kind!r} is none of {', '.join(kinds)}")
    if kind == "modifier" and target not in MODIFIERS:
        raise row.wrong(f"modifier {target!r} is none of {', '.join(MODIFIERS)}")
    if kind != "mask" and target in ("", "-"):
        raise row.wrong(f"a {kind} needs a target")


def _weight(row: Row, kind: str, text: str) -> int:
    if text in ("", "-"):
        return {"trigger": 3, "category": 2}.get(kind, 0)
    if text not in ("1", "2", "3"):
        raise row.wrong(f"weight {text!r} is not 1, 2 or 3")
    return int(text)


def _flags(row: Row, text: str) -> frozenset[str]:
    flags = frozenset(text.replace(",", " ").split()) - {"-"}
    if flags - set(FLAGS):
        raise row.wrong(f"flags {', '.join(sorted(flags - set(FLAGS)))} are none of {', '.join(FLAGS)}")
    return flags
