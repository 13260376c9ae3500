"""The one draft of the city's data that administrators of this console work on: kept on disk until it is applied.

It holds only the files that differ from those in force, and the version they were made of. Nothing of it is in force
before it was checked and applied by the mesh (DirectoryService).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """Changed files by name; `base` is the version in force that they were made of, "" for an empty draft."""

    base: str = ""
    files: dict[str, str] = {}


class Drafts:
    """Reads and writes the draft."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Draft:
        """The draft; an empty one when there is none."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Draft)
        except (OSError, msgspec.DecodeError):
            return Draft()

    def change(self, version: str, in_force: Mapping[str, str], name: str, text: str) -> Draft:
        """One file with another text; the same text as in force takes it out of the draft."""
        draft = self.read()
        files = {key: value for key, value in draft.files.items() if key != name}
        if text.strip() != in_force[name].strip():
            files[name] = text
        changed = Draft(base=draft.base or version, files=files) if files else Draft()
        new = self._path.with_suffix(".new")
        new.write_bytes(msgspec.json.encode(changed))
        new.replace(self._path)
        return changed

    def discard(self) -> None:
        """Nothing is changed any more."""
        self._path.unlink(missing_ok=True)
