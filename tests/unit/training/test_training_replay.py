"""Replay of recorded cases against drafts, the log as their source, and the gate of promotion."""

from __future__ import annotations

import json
import shutil
import zlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from click.testing import CliRunner, Result

from callmesh.classification import corpus, lexicon, model_file, promotion, signing
from callmesh.classification.engine import RulesInForce
from callmesh.classification.model import DEFAULT, Model, ModelRefused, Reading
from callmesh.classification.promotion import Standing, refusals
from callmesh.classification.recorded import BadCases, Recorded, cases_in, cases_since, facts_since, overlay_since
from callmesh.classification.service import Classification
from callmesh.cli.classify import classify
from callmesh.cli.directory import read_city
from callmesh.domain import facts as f
from callmesh.domain.evolve import evolve
from callmesh.ledger.boot import Mesh
from callmesh.ledger.record import encode
from support.builders import classified, opened, stamp
from support.ledgers import Real, vault_of
from support.nats_server import NatsServer
from support.service import NAMES, lay_out

CITY = Path(__file__).parents[3] / "deploy" / "city"
CASES = [
    {"id": "light", "text": "幸福路的路灯不亮已经三天了", "channel": "web", "origin": "12345"},
    {"id": "fire", "text": "三楼着火了里面有人喊救命", "channel": "phone", "origin": "110"},
    {"id": "move", "text": "有辆车堵住我的车位，麻烦通知车主移车", "channel": "phone", "origin": "110"},
]


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    path = tmp_path / "cases.jsonl"
    path.write_text("\n".join(json.dumps(one, ensure_ascii=False) for one in CASES), encoding="utf-8")
    return path


@pytest.fixture
def draft(tmp_path: Path) -> Path:
    folder = tmp_path / "draft"
    folder.mkdir()
    return folder


def _replay(draft: Path, cases: Path, *more: str) -> Result:
    words = ["replay", "--draft", str(draft), "--cases", str(cases), "--city", str(CITY), *more]
    return CliRunner().invoke(classify, words)


def test_an_unchanged_draft_changes_nothing(draft: Path, cases: Path) -> None:
    shutil.copy(Path(lexicon.__file__).parent / "data" / "lexicon.tsv", draft)
    shutil.copy(CITY / "catalogue.tsv", draft)
    found = _replay(draft, cases)
    assert found.exit_code == 0 and "3 cases, 0 would change" in found.output


def test_a_draft_that_loses_an_emergency_is_told_first(draft: Path, cases: Path) -> None:
    tables = Path(lexicon.__file__).parent / "data" / "lexicon.tsv"
    lines = tables.read_text(encoding="utf-8").splitlines(keepends=True)
    blind = [line for line in lines if line.split("\t")[1:2] not in (["trigger"], ["class"], ["category"])]
    (draft / "lexicon.tsv").write_text("".join(blind), encoding="utf-8")
    (draft / "patterns.tsv").write_text("parts\tkind\ttarget\twindow\tweight\tflags\tnote\n", encoding="utf-8")
    found = _replay(draft, cases, "--json")
    assert found.exit_code == 3, found.output
    told = [json.loads(line) for line in found.output.splitlines()]
    assert told[0]["id"] == "fire" and told[0]["emergency"] and told[-1]["emergencies"] == 1
    assert told == [json.loads(line) for line in _replay(draft, cases, "--json").output.splitlines()]


def test_a_draft_catalogue_moves_a_destination(draft: Path, cases: Path) -> None:
    catalogue = (CITY / "catalogue.tsv").read_text(encoding="utf-8")
    row = next(line for line in catalogue.splitlines() if "\tfire\t" in line or line.startswith("fire\t"))
    assert row
    moved = catalogue.replace(row, row.replace("\tfire\tems", "\tpolice\tems"))
    assert moved != catalogue
    (draft / "catalogue.tsv").write_text(moved, encoding="utf-8")
    found = _replay(draft, cases, "--json")
    assert found.exit_code == 3, found.output
    first, *_, last = [json.loads(line) for line in found.output.splitlines()]
    assert first["id"] == "fire" and first["before"]["agencies"] != first["after"]["agencies"]
    assert last["emergencies"] == 1 and last["lowered"] == 0
    assert "着火" not in found.output


def test_a_wrong_draft_is_refused_with_file_and_reason(draft: Path, cases: Path) -> None:
    (draft / "bad.model").write_bytes(b"nothing")
    found = _replay(draft, cases)
    assert found.exit_code == 2 and "bad.model" in found.output


def test_a_bad_line_of_cases_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text('{"text": "好的"}\n\n{"txt": 1}\n', encoding="utf-8")
    with pytest.raises(BadCases, match=r"cases.jsonl:3"):
        list(cases_in(path))


@pytest.fixture
async def real(tmp_path: Path) -> AsyncIterator[Real]:
    server = NatsServer(tmp_path / "nats")
    server.start()
    made = Real(server)
    try:
        await lay_out(server)
        yield made
    finally:
        await made.close()
        server.kill()


async def test_cases_and_facts_come_back_from_the_log(real: Real) -> None:
    ledger = await real.ledger()
    started = datetime.now(UTC) - timedelta(minutes=1)
    first = f.Fact(stamp(), opened())
    case = evolve(None, first)
    head = await ledger.append(case.id, encode(first, case, ()), 0)
    said = classified("gas_leak", emergency=True)
    second = f.Fact(stamp(), replace(said, classification=replace(said.classification, by_person=True, reason="听错")))
    await ledger.append(case.id, encode(second, evolve(case, second), ()), head.sequence)
    js = real.clients[0].jetstream(timeout=30)
    vault = await vault_of(real.clients[0])
    told = [fact.body async for _, fact in facts_since(js, NAMES, 0, started, vault)]
    assert [type(one).__name__ for one in told] == ["CaseOpened", "CaseClassified"]
    found = await cases_since(js, NAMES, 0, started, vault)
    assert found == [
        Recorded(case.id, "厨房停气了", "phone", "110", "", found[0].at, "gas_leak", True),
    ]
    assert await cases_since(js, NAMES, 0, datetime.now(UTC) + timedelta(hours=1), vault) == []
    overlay = await overlay_since(js, NAMES, 0, started, vault)
    reading = Reading((("gas_outage", 0.7), ("gas_leak", 0.3)), ("gas_outage",), 0.1, ())
    assert overlay.adjust("110", "厨房停气了", reading).probabilities[0][0] == "gas_leak"


def _run(*words: object) -> Result:
    return CliRunner().invoke(classify, [str(word) for word in words])


async def test_a_service_that_starts_takes_up_what_was_taught(real: Real) -> None:
    ledger = await real.ledger()
    first = f.Fact(stamp(), opened())
    case = evolve(None, first)
    head = await ledger.append(case.id, encode(first, case, ()), 0)
    said = classified("gas_leak", emergency=True)
    second = f.Fact(stamp(), replace(said, classification=replace(said.classification, by_person=True, reason="听错")))
    await ledger.append(case.id, encode(second, evolve(case, second), ()), head.sequence)
    settings, vault = SimpleNamespace(rules_dir="", shard=0), await vault_of(real.clients[0])
    runtime = SimpleNamespace(js=real.clients[0].jetstream(timeout=30), names=NAMES, settings=settings, vault=vault)
    service = Classification(cast(Mesh, SimpleNamespace(runtime=runtime, city=read_city(CITY))))
    before = service.assess("厨房停气了", "phone", "110")
    await service.remember()
    after = service.assess("厨房停气了", "phone", "110")
    assert after.danger > before.danger + 0.1
    assert service.assess("厨房停气了", "phone", "12345").danger == before.danger


def test_corrections_are_refitted_and_promoted_only_when_nothing_is_worse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The poor one learns from a twelfth and is compared on it; the gate's shares mean something on the whole only."""
    few = tuple(one for one in corpus.load() if zlib.crc32(one.text.encode()) % 12 == 0)
    lines = [{"text": f"幸福路{at}号路灯不亮已经三天了", "category": "streetlight"} for at in range(3)]
    table = tmp_path / "corrected.jsonl"
    table.write_text("\n".join(json.dumps(one, ensure_ascii=False) for one in lines), encoding="utf-8")
    poor, to = tmp_path / "refit" / "refit.model", tmp_path / "in-force.model"
    with monkeypatch.context() as little:
        little.setattr(corpus, "load", lambda: few)
        said = _run("refit", "--cases", table, "--out", tmp_path / "refit", "--quiet")
        assert said.exit_code == 0, said.output
        learned = Model.load(poor).info
        assert learned["source"] == "refit, 3 corrections"
        assert learned["training"]["recipe"] == Model.load().info["training"]["recipe"]
        refused = _run("promote", "--model", poor, "--to", to)
    assert refused.exit_code != 0 and "not promoted, what is in force stays" in refused.output
    assert "held-out reports that are read right" in refused.output
    assert not to.exists()
    shipped = promotion.standing(None, read_city(CITY).categories)
    monkeypatch.setattr(promotion, "standing", lambda path, categories: shipped)  # 13 s each
    done = _run("promote", "--model", DEFAULT, "--to", to)
    assert done.exit_code == 0, done.output
    assert Model.load(to).info["suite"]["failures"] == 0


def test_a_promoted_model_is_the_one_that_a_service_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Into the folder of the agency's own rules, beside which the next one is judged; nowhere else by default."""
    shipped, beside = promotion.standing(None, read_city(CITY).categories, ()), []

    def standing(path: Path | None, categories: object) -> Standing:
        beside.append(path)
        return shipped

    monkeypatch.setattr(promotion, "standing", standing)  # 13 s each
    monkeypatch.delenv("CALLMESH_RULES_DIR", raising=False)
    nowhere = _run("promote", "--model", DEFAULT)
    assert nowhere.exit_code == 2 and "CALLMESH_RULES_DIR" in nowhere.output and not beside
    monkeypatch.setenv("CALLMESH_RULES_DIR", str(tmp_path / "rules"))
    assert _run("promote", "--model", DEFAULT, "--dry-run").output.endswith("would be promoted\n")
    assert not (tmp_path / "rules").exists()
    for _ in range(2):
        done = _run("promote", "--model", DEFAULT)
        assert done.exit_code == 0, done.output
    own = tmp_path / "rules" / "default.model"
    assert beside == [DEFAULT, None, DEFAULT, None, DEFAULT, own]
    assert RulesInForce(str(own.parent)).refresh().model.info["suite"]["failures"] == 0


GOOD = Standing("model-a", frozenset(), (), 0.01, 0.04, 0.8)


@pytest.mark.parametrize(
    ("after", "says"),
    [
        (replace(GOOD, failed=frozenset({"calm.tsv:3 (as written)"}), reasons=("1 text got …",)), "calm.tsv:3"),
        (replace(GOOD, missed=0.03), "1.0% before, 3.0% now"),
        (replace(GOOD, stopped=0.06), "stopped: 4.0% before, 6.0% now"),
        (replace(GOOD, right=0.7), "80.0% before, 70.0% now"),
        (replace(GOOD, scores_emergencies=False), "no emergency scorer"),
        (replace(GOOD, unknown=("nonsense",)), "no category nonsense"),
    ],
)
def test_a_model_that_is_worse_is_not_promoted(after: Standing, says: str) -> None:
    assert any(says in reason for reason in refusals(GOOD, after))


def test_a_model_that_is_no_worse_is_promoted() -> None:
    assert refusals(GOOD, replace(GOOD, right=0.83, missed=0.0)) == ()


def test_a_standing_is_measured_with_the_suite_and_the_held_out_reports() -> None:
    rows = [one for one in corpus.load() if one.split == "held"][:20]
    found = promotion.standing(None, read_city(CITY).categories, rows)
    assert found.version == Model.load().version and 0.0 <= found.right <= 1.0
    assert found.scores_emergencies and not found.unknown


def test_a_promoted_model_carries_the_report_and_the_signature(tmp_path: Path, keys: Path) -> None:
    path = tmp_path / "in-force.model"
    path.write_bytes(model_file.signed(promotion.checked(DEFAULT, {"failures": 0, "missed": 0.0}), signing.own_key()))
    model = Model.load(path)
    assert model.info["suite"] == {"failures": 0, "missed": 0.0}
    assert model.signer == (keys / "signer.pub").read_text().strip()
    assert model.read("三楼着火了").probabilities == Model.load().read("三楼着火了").probabilities
    path.write_bytes(model_file.signed(promotion.checked(DEFAULT, {"failures": 1}), signing.own_key()))
    with pytest.raises(ModelRefused, match="suite"):
        Model.load(path)
