"""Keeps compiled lexicons on disk, so that one is compiled once and read back in a few milliseconds.

A file's name is the hash of the tables and of the code that reads them: other tables are another file, none is ever
stale. It holds numbers and JSON, nothing that runs. A file that cannot be read is made anew, one that cannot be kept is
made at every start; neither is an error. `python -m callmesh.classification.compiled_file` makes the packaged one.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
from contextlib import suppress
from dataclasses import asdict
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from callmesh.classification.compiled import Compiled, compiled
from callmesh.classification.entries import Packed
from callmesh.classification.lexicon import Lexicon, Pattern, Term, files_of, sounds_of
from callmesh.classification.tables import is_dated
from callmesh.kernel.ids import now

BUILT = Path(__file__).parent / "built"
_CODE = ("compiled", "compiled_file", "entries", "lexicon", "sounds", "spotting", "tables", "text")
_NUMBERS = ("numbers", "first", "classes", "terms", "at", "endings")
_MOST_KEPT = 4
_WORTH_KEEPING = 10_000
"""Words; a smaller lexicon is compiled as fast as it is read."""


def open_lexicon(path: str | Path | None = None, kept: Path = BUILT, day: date | None = None) -> Compiled:
    """The compiled lexicon of a folder of tables (or the packaged one) on a day, today's. Raises LexiconError."""
    files, day = files_of(path), day or now().astimezone().date()
    place = kept / f"{_name(files, day)}.npz"
    with suppress(OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        return _read(place, files)
    made = compiled(Lexicon.load(path, day))
    if len(made.words.numbers) > _WORTH_KEEPING:
        with suppress(OSError):
            _keep(made, place)
    return made


def _name(files: list[Path], day: date) -> str:
    """Of tables with rows in force from a day on, every day's is another one."""
    dated = str(day) if any(map(is_dated, files)) else ""
    return hashlib.sha256(_code() + b"".join(map(_digest, files)) + dated.encode()).hexdigest()[:32]


@cache
def _code() -> bytes:
    return b"".join(_digest(Path(__file__).with_name(f"{name}.py")) for name in _CODE)


def _digest(file: Path) -> bytes:
    try:
        return hashlib.sha256(file.read_bytes()).digest()
    except OSError:
        return b"?"  # reading the tables will say what is wrong


def _keep(made: Compiled, place: Path) -> None:
    """Put a file in place as a whole; the same tables give the same bytes. Only the last few are kept."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=place.parent, suffix=".part", delete=False) as file:
        np.savez(file, head=np.frombuffer(_head(made), np.uint8), **_arrays(made))
    Path(file.name).chmod(0o644)
    Path(file.name).replace(place)
    for old in sorted(place.parent.glob("*.npz"), key=os.path.getmtime)[:-_MOST_KEPT]:
        old.unlink(missing_ok=True)


def _arrays(made: Compiled) -> dict[str, Any]:
    return {name: getattr(made.words, name) for name in _NUMBERS}


def _head(made: Compiled) -> bytes:
    head = {
        "version": made.version,
        "terms": [asdict(term) for term in made.terms],
        "patterns": [asdict(pattern) for pattern in made.patterns],
        "symbols": made.symbols,
        "spelled": made.words.spelled,
    }
    return json.dumps(head, ensure_ascii=False, default=sorted).encode()


def _read(place: Path, files: list[Path]) -> Compiled:
    with np.load(place, allow_pickle=False) as kept:
        arrays = dict(kept)
    head = json.loads(arrays["head"].tobytes())
    return Compiled(
        version=head["version"],
        terms=tuple(Term(**{**one, "words": (), "flags": frozenset(one["flags"])}) for one in head["terms"]),
        patterns=tuple(_pattern(one) for one in head["patterns"]),
        symbols=head["symbols"],
        words=Packed(**{name: arrays[name] for name in _NUMBERS}, spelled=head["spelled"]),
        sounds=sounds_of(files),
    )


def _pattern(kept: dict[str, Any]) -> Pattern:
    parts = tuple(tuple(part) for part in kept["parts"])
    return Pattern(**{**kept, "parts": parts, "without": frozenset(kept["without"]), "flags": frozenset(kept["flags"])})


if __name__ == "__main__":
    open_lexicon()
