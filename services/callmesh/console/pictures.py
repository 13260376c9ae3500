"""Pictures that people at agencies send along: kept here by case and content, named in the mesh by reference only.

A picture is a JPEG, PNG or WebP of at most MOST bytes. What a camera writes beside the picture (place, device, time)
is cut off before it is kept: the mesh has its own. A reference is `console:<sha256>.<ending>`; who may see the case
that names it may fetch it (pages/referral.py asks the mesh), nobody else. They lie in a folder of their case, which
goes when the case is erased (erasing.py).
"""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

from callmesh.api.v1 import report_pb2

MOST = 8 * 1024 * 1024
_PREFIX = "console:"
_CASE = re.compile(r"cases/([A-Za-z0-9-]{1,64})")
_NAME = re.compile(r"[0-9a-f]{64}\.(jpg|png|webp)")
_TYPES = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
_APPLICATION, _COMMENT, _SCAN = range(0xE1, 0xF0), 0xFE, 0xDA
_NOTES = (b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"tIME")


class NoPicture(ValueError):
    """The bytes are no picture that is taken."""


class Pictures:
    """The folder of pictures."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def keep(self, case: str, data: bytes) -> str:
        """Stores a picture of a case and returns its reference; raises NoPicture."""
        ending, folder = ending_of(data), self._of(case)
        if not ending or folder is None or len(data) > MOST:
            raise NoPicture
        bare = without_notes(data, ending)
        name = f"{hashlib.sha256(bare).hexdigest()}.{ending}"
        path = folder / name
        if not path.exists():
            folder.mkdir(exist_ok=True, mode=0o700)
            draft = path.with_suffix(".new")
            draft.write_bytes(bare)
            draft.replace(path)
        return _PREFIX + name

    def find(self, case: str, reference: str) -> Path | None:
        """The file of a reference of ours, None when the case has none."""
        folder, name = self._of(case), reference.removeprefix(_PREFIX)
        path = folder / name if folder and _NAME.fullmatch(name) else None
        return path if path and path.is_file() else None

    def attachment(self, case: str, reference: str) -> report_pb2.Attachment | None:
        """As the mesh is told of it; None for a reference that is not ours."""
        path = self.find(case, reference)
        if path is None:
            return None
        return report_pb2.Attachment(
            reference=_PREFIX + path.name, media_type=media_type(path.name), size=path.stat().st_size
        )

    def cases(self) -> list[str]:
        """Names of the cases that have pictures here."""
        return [f"cases/{one.name}" for one in self._folder.iterdir() if one.is_dir()]

    def erase(self, case: str) -> None:
        """Deletes the pictures of a case."""
        folder = self._of(case)
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def _of(self, case: str) -> Path | None:
        """Where the pictures of a case lie; None for what is no case's name."""
        found = _CASE.fullmatch(case)
        return self._folder / found[1] if found else None


def media_type(name: str) -> str:
    """By the ending of a name."""
    return _TYPES[name.rpartition(".")[2]]


def ending_of(data: bytes) -> str:
    """What the first bytes say it is; "" for anything else."""
    if data.startswith(b"\xff\xd8\xff"):
        return "jpg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    return "webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else ""


def without_notes(data: bytes, ending: str) -> bytes:
    """The same picture without what the camera noted."""
    return {"jpg": _bare_jpeg, "png": _bare_png, "webp": _bare_webp}[ending](data)


def _bare_jpeg(data: bytes) -> bytes:
    """Without application segments (but JFIF) and comments."""
    kept, at = [data[:2]], 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != _SCAN:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] not in _APPLICATION and data[at + 1] != _COMMENT:
            kept.append(data[at:end])
        at = end
    return b"".join(kept) + data[at:]


def _bare_png(data: bytes) -> bytes:
    kept, at = [data[:8]], 8
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] not in _NOTES:
            kept.append(data[at:end])
        at = end
    return b"".join(kept)


def _bare_webp(data: bytes) -> bytes:
    """Without EXIF and XMP chunks; the flags that announce them are cleared."""
    kept, at = bytearray(), 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        end = at + 8 + size + size % 2
        kind, chunk = data[at : at + 4], bytearray(data[at:end])
        if kind == b"VP8X" and len(chunk) > 8:
            chunk[8] &= ~0x0C & 0xFF
        if kind not in (b"EXIF", b"XMP "):
            kept += chunk
        at = end
    return b"RIFF" + (len(kept) + 4).to_bytes(4, "little") + b"WEBP" + bytes(kept)
