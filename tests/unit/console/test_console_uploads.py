"""Pictures: what is taken, and what the camera noted is gone."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from callmesh.console.pictures import MOST, NoPicture, Pictures, without_notes

CASE = "cases/r1-0-A"
NOTE = b"GPS 30.2,120.3 phone of a person"


def jpeg_part(kind: int, data: bytes) -> bytes:
    return bytes([0xFF, kind]) + (len(data) + 2).to_bytes(2, "big") + data


def png_part(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def webp(*parts: tuple[bytes, bytes]) -> bytes:
    body = b"".join(kind + len(data).to_bytes(4, "little") + data + b"\0" * (len(data) % 2) for kind, data in parts)
    return b"RIFF" + (len(body) + 4).to_bytes(4, "little") + b"WEBP" + body


JPEG = b"\xff\xd8" + jpeg_part(0xE0, b"JFIF\0") + jpeg_part(0xE1, b"Exif\0\0" + NOTE) + jpeg_part(0xFE, NOTE)
JPEG += jpeg_part(0xDB, b"table") + b"\xff\xda\x00\x02scan\xff\xd9"
PNG = b"\x89PNG\r\n\x1a\n" + png_part(b"IHDR", b"h") + png_part(b"eXIf", NOTE) + png_part(b"tEXt", NOTE)
PNG += png_part(b"IDAT", b"pixels") + png_part(b"IEND", b"")
WEBP = webp((b"VP8X", bytes([0x0C]) + b"\0" * 9), (b"VP8 ", b"pixel"), (b"EXIF", NOTE), (b"XMP ", NOTE))


@pytest.mark.parametrize(("ending", "data"), [("jpg", JPEG), ("png", PNG), ("webp", WEBP)])
def test_what_the_camera_noted_is_cut_off_and_the_picture_stays(ending: str, data: bytes) -> None:
    bare = without_notes(data, ending)
    assert NOTE not in bare
    assert {"jpg": b"\xff\xda\x00\x02scan\xff\xd9", "png": b"pixels", "webp": b"pixel"}[ending] in bare
    assert without_notes(bare, ending) == bare


def test_a_webp_announces_no_notes_that_are_gone() -> None:
    bare = without_notes(WEBP, "webp")
    assert bare[20] == 0
    assert int.from_bytes(bare[4:8], "little") == len(bare) - 8


def test_the_same_picture_of_a_case_is_kept_once_and_found_by_its_reference(tmp_path: Path) -> None:
    pictures = Pictures(tmp_path)
    reference = pictures.keep(CASE, JPEG)
    assert pictures.keep(CASE, JPEG) == reference
    assert len(list(tmp_path.rglob("*.*"))) == 1
    found = pictures.attachment(CASE, reference)
    assert found is not None
    assert (found.reference, found.media_type) == (reference, "image/jpeg")
    assert found.size == (pictures.find(CASE, reference) or tmp_path).stat().st_size
    assert pictures.find("cases/r1-0-B", reference) is None, "another case's"


def test_an_erased_cases_pictures_are_gone_and_others_stay(tmp_path: Path) -> None:
    pictures = Pictures(tmp_path)
    reference = pictures.keep(CASE, JPEG)
    assert pictures.keep("cases/r1-0-B", JPEG) == reference
    pictures.erase(CASE)
    pictures.erase("cases/..")
    assert pictures.cases() == ["cases/r1-0-B"]
    assert pictures.find(CASE, reference) is None and pictures.find("cases/r1-0-B", reference) is not None


@pytest.mark.parametrize("data", [b"", b"<svg onload=alert(1)>", b"%PDF-1.7", b"\xff\xd8\xff" + b"\0" * MOST])
def test_anything_else_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(NoPicture):
        Pictures(tmp_path).keep(CASE, data)


@pytest.mark.parametrize("case", ["cases/..", "cases/", "..", "cases/a/b", "cases/.hidden"])
def test_what_is_no_cases_name_has_no_folder(tmp_path: Path, case: str) -> None:
    with pytest.raises(NoPicture):
        Pictures(tmp_path / "pictures").keep(case, JPEG)


@pytest.mark.parametrize("reference", ["console:../../accounts.json", "console:", "s3:" + "a" * 64 + ".jpg", ""])
def test_a_foreign_reference_finds_nothing(tmp_path: Path, reference: str) -> None:
    assert Pictures(tmp_path / "pictures").attachment(CASE, reference) is None
