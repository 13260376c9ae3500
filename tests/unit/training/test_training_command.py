"""`callmesh classify train` and `evaluate` on an office's export with everything in it that an export has."""

from __future__ import annotations

import csv
import json
import re
import zlib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from training_kit import IDENTITY, MATTERS, NAME, PHONES, plain, planted, write

from callmesh.classification.model import Model
from callmesh.classification.model_file import MAGIC
from callmesh.cli.classify import classify

ROWS = 5_000


def _run(*words: object) -> Result:
    return CliRunner().invoke(classify, [str(word) for word in words])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[int]], str]:
    """The folder of results, the lines where something was planted, and what was printed."""
    folder = tmp_path_factory.mktemp("trained")
    lines: dict[str, list[int]] = {}
    rows = []
    for line, (text, label, what) in enumerate(planted(ROWS - 120), 2):
        lines.setdefault(what, []).append(line)
        rows.append((text, label))
    lines["exact"] = list(range(len(rows) + 2, len(rows) + 82))
    rows += [rows[at * 20] for at in range(80)]
    lines["no label"] = list(range(len(rows) + 2, len(rows) + 22))
    rows += [("没有标签的一行", "")] * 20
    lines["no text"] = list(range(len(rows) + 2, len(rows) + 22))
    rows += [("", "市城管局")] * 20
    write(folder / "orders.csv", rows, "gb18030")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CALLMESH_MODEL_KEYS", str(folder / "keys"))
        said = _run(
            "train", "--data", folder / "orders.csv", "--text", "内容", "--label", "承办单位", "--out", folder / "out"
        )
    assert said.exit_code == 0, said.output
    return folder, lines, said.output


def _report(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return found


def test_the_report_names_what_was_planted(trained: tuple[Path, dict[str, list[int]], str]) -> None:
    folder, lines, printed = trained
    told = _report(folder / "out")["cleaning"]
    assert told["rows"] == ROWS
    assert set(lines["phone"]) <= {line for one in told["redacted"].values() for line in one["lines"]}
    assert told["redacted"]["identity number"]["lines"] == lines["person"]
    assert told["redacted"]["name"]["lines"] == lines["person"]
    leaks = told["leaks"]
    assert leaks["clause that asks a named body to handle it (请…核实处理)"]["lines"] == lines["leak"]
    assert leaks["field or bracket that holds a label"]["lines"] == lines["bracket"]
    repeated = {again for again, _ in told["exact_duplicates"]}
    assert set(lines["exact"]) <= repeated
    left_out = {(one["line"], one["reason"]) for one in told["left_out"]}
    assert {(line, "no label") for line in lines["no label"]} <= left_out
    assert {(line, "no text") for line in lines["no text"]} <= left_out
    assert "personal data taken out: identity number" in printed and "label leaks taken out" in printed


def test_no_artefact_holds_personal_data(trained: tuple[Path, dict[str, list[int]], str]) -> None:
    folder, _, printed = trained
    written = [path for path in (folder / "out").rglob("*") if path.is_file()]
    assert {path.name for path in written} == {"trained.model", "report.txt", "report.json", "report.html"}
    contents = [path.read_bytes() for path in written] + [_unpacked(folder / "out" / "trained.model"), printed.encode()]
    for secret in (*PHONES, "88776655", IDENTITY, IDENTITY[6:14], NAME, NAME[1:], PHONES[0][-8:]):
        assert not any(secret.encode() in content for content in contents), secret
        assert not any(re.search(r"(?<!\d)1[3-9]\d{9}(?!\d)", _text(content)) for content in contents[1:])


def _unpacked(path: Path) -> bytes:
    """The vocabulary and the arrays, which are compressed in the file."""
    content = path.read_bytes()
    length = int.from_bytes(content[len(MAGIC) : len(MAGIC) + 4], "little")
    return zlib.decompress(content[len(MAGIC) + 4 + length : -96])


def _text(content: bytes) -> str:
    return content.decode("utf-8", "ignore")


def test_the_page_stands_alone(trained: tuple[Path, dict[str, list[int]], str]) -> None:
    page = (trained[0] / "out" / "report.html").read_text(encoding="utf-8")
    assert page.count("<svg") >= 6 and "市水务集团" in page
    assert not re.search(r"""(?:src|href)\s*=|@import|url\(""", page)


def test_what_was_trained_is_good_and_evaluated_alike(
    trained: tuple[Path, dict[str, list[int]], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _, _ = trained
    monkeypatch.setenv("CALLMESH_MODEL_KEYS", str(folder / "keys"))
    model = folder / "out" / "trained.model"
    assert set(Model.load(model).leaves) == set(MATTERS)
    rows = [*plain(400, 77), ("桥头的桥墩裂了", "市政"), ("桥头的栏杆坏了", "市政")]
    test = write(tmp_path / "test.csv", rows)
    said = _run(
        "evaluate", "--model", model, "--data", test, "--text", "内容", "--label", "承办单位", "--out", tmp_path
    )
    assert said.exit_code == 0, said.output
    told = _report(tmp_path)
    assert told["unknown_labels"] == {"市政": 2} and "label unknown to the model: 市政: 2 texts" in said.output
    assert told["held_out"]["texts"] == 402
    assert told["held_out"]["accuracy"] >= 0.98 and told["held_out"]["ece"] <= 0.03
    assert _report(folder / "out")["held_out"]["macro_f1"] >= 0.97


def test_rare_labels_are_learned_not_fatal(tmp_path: Path) -> None:
    rows = [*plain(90, 4), ("公园长椅坏了", "once"), ("池塘里有死鱼", "twice"), ("湖里有很多死鱼", "twice")]
    file = write(tmp_path / "few.csv", rows)
    said = _run("train", "--data", file, "--text", "内容", "--label", "承办单位", "--out", tmp_path / "out", "--quiet")
    assert said.exit_code == 0, said.output
    assert {"once", "twice"} <= set(Model.load(tmp_path / "out" / "trained.model").leaves)


def test_the_same_file_gives_the_same_bytes(tmp_path: Path) -> None:
    file = write(tmp_path / "few.csv", plain(200, 4))
    for name in ("a", "b"):
        said = _run("train", "--data", file, "--text", "内容", "--label", "承办单位", "--out", tmp_path / name)
        assert said.exit_code == 0, said.output
    for name in ("trained.model", "report.json", "report.html", "report.txt"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_agencies_beside_categories_are_measured(tmp_path: Path) -> None:
    path = tmp_path / "both.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [("text", "category", "unit"), *((text, label, f"unit of {label}") for text, label in plain(200, 4))]
        )
    said = _run("train", "--data", path, "--label", "category", "--agency", "unit", "--out", tmp_path / "out")
    assert said.exit_code == 0, said.output
    assert _report(tmp_path / "out")["agencies"]["accuracy"] > 0.8
    assert (
        Model.load(tmp_path / "out" / "trained.model").info["training"]["agencies"]["市水务集团"]
        == "unit of 市水务集团"
    )


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("text,label\n一行,a\n", "one label only"),
        ("text,label\n一行,a\n两行,b\n", "too few texts"),
        ("content,label\n一行,a\n", "no column 'text'; there are: content, label"),
    ],
)
def test_what_cannot_be_trained_is_refused_with_a_sentence(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(content, encoding="utf-8")
    said = _run("train", "--data", path, "--label", "label", "--out", tmp_path / "out")
    assert said.exit_code == 2 and says in said.output
    assert not (tmp_path / "out").exists()


def test_a_broken_model_is_not_evaluated(tmp_path: Path) -> None:
    file = write(tmp_path / "few.csv", plain(20, 4))
    (tmp_path / "x.model").write_bytes(b"nothing")
    said = _run("evaluate", "--model", tmp_path / "x.model", "--data", file, "--text", "内容", "--label", "承办单位")
    assert said.exit_code == 2 and "not a model" in said.output
