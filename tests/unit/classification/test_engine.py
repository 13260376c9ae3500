"""Rules in force: taken over whole or not at all; levels by harm; thresholds by channel; agencies of a report."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from samples import categories, classifier

from callmesh.classification.danger import Harm, harm_in
from callmesh.classification.destinations import destinations, origin_of
from callmesh.classification.engine import Refused, RulesInForce
from callmesh.classification.fusion import Reading
from callmesh.classification.matching import Matcher
from callmesh.classification.text import model_places, model_text, normalise
from callmesh.classification.thresholds import ThresholdError, Thresholds
from callmesh.classification.verdict import Classifier
from callmesh.directory.load import load_city
from callmesh.domain.words import Channel, Level, Role, Verdict

CITY = load_city(Path(__file__).resolve().parents[3] / "deploy" / "city")
HEADER = "term\tkind\ttarget\tweight\tflags\tnote\n"
SMALL = HEADER + "停水\tcategory\twater_outage\n什么时候\tclass\tplain\n"
NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)


def test_a_bad_table_changes_nothing_until_it_is_mended(tmp_path: Path) -> None:
    table, patterns = tmp_path / "lexicon.tsv", tmp_path / "patterns.tsv"
    patterns.write_text("parts\tkind\ttarget\twindow\tweight\tflags\tnote\n", encoding="utf-8")
    table.write_text(SMALL, encoding="utf-8")
    rules = RulesInForce(str(tmp_path))
    first = rules.refresh()
    table.write_text(SMALL + "着火\tdanger\tfire\n", encoding="utf-8")
    assert rules.refresh() is first
    table.write_text(SMALL + "着火\ttrigger\tfire\n", encoding="utf-8")
    assert rules.refresh().matcher.version != first.matcher.version
    (tmp_path / "default.model").write_bytes(b"no model")
    assert rules.refresh().model.version == first.model.version


def test_a_row_comes_into_force_on_its_day_without_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    header = HEADER.rstrip("\n") + "\tfrom\tauthor\n"
    (tmp_path / "patterns.tsv").write_text("parts\tkind\ttarget\twindow\tweight\tflags\tnote\n", encoding="utf-8")
    rows = "停水\tcategory\twater_outage\n走水\ttrigger\tfire\t3\t\t\t2026-03-02\tduty desk\n"
    (tmp_path / "lexicon.tsv").write_text(header + rows, encoding="utf-8")
    rules, met = RulesInForce(str(tmp_path)), []
    for day in (NOON - timedelta(days=1), NOON):
        for module in ("engine", "compiled_file"):
            monkeypatch.setattr(f"callmesh.classification.{module}.now", lambda day=day: day)
        found = rules.refresh().matcher.find(normalise("隔壁走水了"))
        met.append((rules.refresh().matcher.version, [hit.word for hit in found]))
    assert [words for _, words in met] == [[], ["走水"]]
    assert met[0][0] != met[1][0]


def test_without_any_usable_rules_there_is_no_engine(tmp_path: Path) -> None:
    (tmp_path / "lexicon.tsv").write_text("nonsense", encoding="utf-8")
    with pytest.raises(Refused):
        RulesInForce(str(tmp_path)).refresh()


def test_without_a_model_nothing_is_routed() -> None:
    bare = Classifier(Matcher.load(), categories())
    assert bare.assess("停水了，请问什么时候来水", Channel.SMS).verdict is Verdict.ASK
    assert bare.assess("厨房着火了", Channel.SMS).verdict is Verdict.EMERGENCY


class Suspicious:
    """A scorer that is as afraid as it is told, and a router that gives fire a share of its matter."""

    version = "model-test"

    def __init__(self, emergency: float, fire: float = 0.0, matter: str = "water_outage") -> None:
        self._emergency, self._chances = emergency, ((matter, 0.99 - fire), ("fire", fire))

    def read(self, _text: str) -> SimpleNamespace:
        leaves = tuple(name for name, _ in self._chances)
        return SimpleNamespace(
            probabilities=self._chances, conformal=leaves, emergency=self._emergency, grams=(), stretch=()
        )


@pytest.mark.parametrize(
    ("afraid", "fire", "verdict"),
    [
        (0.0, 0.0, Verdict.ROUTE),
        (0.6, 0.01, Verdict.ROUTE),
        (0.9, 0.05, Verdict.ASK),
        (0.5, 0.4, Verdict.ASK),
        (0.98, 0.9, Verdict.EMERGENCY),
    ],
)
def test_the_learned_voices_add_danger(afraid: float, fire: float, verdict: Verdict) -> None:
    engine = Classifier(Matcher.load(), categories(), Suspicious(afraid, fire))
    assert engine.assess("停水两天了，影响做饭", Channel.WEB).verdict is verdict


def test_a_router_of_other_labels_leaves_danger_to_the_scorer() -> None:
    engine = Classifier(Matcher.load(), categories(), Suspicious(0.6, matter="水务集团"))
    said = engine.assess("停水两天了，影响做饭", Channel.WEB)
    assert (said.verdict, said.danger) == (Verdict.ASK, 0.6)


def test_a_lesson_cannot_lower_the_danger() -> None:
    def taught(_text: str, reading: Reading) -> Reading:
        return cast(Reading, Suspicious(reading.emergency).read(""))

    engine = Classifier(Matcher.load(), categories(), Suspicious(0.9, 0.05))
    assert engine.assess("停水两天了，影响做饭", Channel.WEB, taught).verdict is Verdict.ASK


def test_the_learned_scorer_never_takes_danger_away() -> None:
    said = Classifier(Matcher.load(), categories(), Suspicious(0.0)).assess("厨房着火了快来", Channel.WEB)
    assert said.verdict is Verdict.EMERGENCY


@pytest.mark.parametrize(
    "text",
    [
        "社区明天消防演练，会有浓烟",
        "我家没有着火",
        "上周我家着火了，已经扑灭",
        "着火了 开玩笑的哈哈",
        "万一着火怎么办",
    ],
)
def test_a_modifier_lowers_to_ask_and_not_to_an_alarm(text: str) -> None:
    assert classifier().assess(text, Channel.SMS).verdict is not Verdict.EMERGENCY


@pytest.mark.parametrize(
    ("text", "harm"),
    [
        ("车祸，两人受伤", Harm(injured=2)),
        ("塌方埋了3个人", Harm(trapped=3)),
        ("十二名工人被困", Harm(trapped=12)),
        ("撞死了一个人，好几个人受伤", Harm(injured=3, dead=1)),
        ("没有人受伤", Harm()),
        ("停水三天", Harm()),
    ],
)
def test_harm_is_read_from_the_text(text: str, harm: Harm) -> None:
    assert harm_in(normalise(text).tight) == harm


def test_scope_raises_a_utility_by_one_step() -> None:
    assert classifier().assess("我家停水了，什么时候来水", Channel.WEB).level is Level.P2
    assert classifier().assess("整个小区停水了，什么时候来水", Channel.WEB).level is Level.P1


def test_thresholds_differ_by_channel_and_bad_ones_are_named(tmp_path: Path) -> None:
    packaged = Thresholds.load()
    assert packaged.of(Channel.SMS).characters != packaged.of(Channel.WEB).characters
    text = (Path(Thresholds.__module__.replace(".", "/")).parent, "")[1]
    for line in ("[channel.pigeon]\ndoubt = 0.1", "[default]\ndoubt = 7", text + "nonsense = = 1"):
        file = tmp_path / "thresholds.toml"
        file.write_text(line, encoding="utf-8")
        with pytest.raises(ThresholdError, match=r"thresholds\.toml:0: "):
            Thresholds.load(file)


def test_every_matter_of_a_mixed_report_brings_its_agency() -> None:
    said = classifier().assess("两伙人打架，有人头破血流，还把煤气罐阀门拧开了", Channel.PHONE)
    sent = destinations(CITY, said, "", "12345", NOON)
    assert {"police", "ems", "fire", "gas"} <= {one.kind for one in sent}
    assert [one.role for one in sent].count(Role.LEAD) == 1


def test_an_origin_is_an_id_or_the_number_people_dial() -> None:
    assert [origin_of(CITY, name) for name in ("110", "12345", "gas", "nobody")] == ["110", "12345", "gas", ""]


def test_long_numbers_are_redacted_and_offsets_kept() -> None:
    text = normalise("电话13912345678，三栋201停水")
    assert model_text(text) == "电话0三栋201停水"
    places = model_places(text)
    assert len(places) == len(model_text(text)) + 1
    assert text.tight[places[2] : places[3]] == "13912345678"
