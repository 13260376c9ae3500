"""The overlay: taught at once, at one agency only, bounded, fading, and never against an emergency."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from callmesh.classification import overlay as o
from callmesh.classification.model import Reading
from callmesh.classification.overlay import Lesson, Overlay, lesson_of, rebuilt
from callmesh.domain import facts as f
from callmesh.domain.assessment import Candidate
from callmesh.domain.case import Case
from callmesh.domain.evolve import evolve
from callmesh.domain.words import Verdict
from support.builders import POLICE, RULE, classification, opened, stamp

TEXT = "小区门口的充电桩坏了没有人修"
OTHER = "地铁二号线车厢空调太冷"
READING = Reading(
    (("streetlight", 0.6), ("property_mgmt", 0.3), ("telecom", 0.1)), ("streetlight",), 0.1, ((0, 2, 0.5),)
)


def _best(reading: Reading) -> str:
    return reading.probabilities[0][0]


def test_one_correction_changes_the_next_suggestion() -> None:
    overlay = Overlay()
    overlay.learn("12345", TEXT, "property_mgmt", False)
    adjusted = overlay.adjust("12345", TEXT, READING)
    assert _best(adjusted) == "property_mgmt" and dict(adjusted.probabilities)["property_mgmt"] > 0.85
    assert sum(chance for _, chance in adjusted.probabilities) == pytest.approx(1.0)
    assert adjusted.conformal == ("property_mgmt", "streetlight")
    assert adjusted.emergency == READING.emergency


def test_a_matter_that_the_router_did_not_name_can_be_taught() -> None:
    overlay = Overlay()
    for _ in range(2):
        overlay.learn("12345", TEXT, "suggestion", False)
    assert _best(overlay.adjust("12345", TEXT, READING)) == "suggestion"


def test_other_agencies_and_other_texts_are_not_moved() -> None:
    overlay = Overlay()
    overlay.learn("12345", TEXT, "property_mgmt", False)
    assert overlay.adjust("110", TEXT, READING) is READING
    assert overlay.adjust("12345", OTHER, READING) is READING
    similar = overlay.adjust("12345", TEXT[:5] + OTHER, READING)
    assert _best(similar) == "streetlight"


def test_emergencies_are_only_added() -> None:
    overlay = Overlay()
    overlay.learn("110", TEXT, "live_wire", True)
    assert overlay.adjust("110", TEXT, READING).emergency > 0.9
    sure = replace(READING, emergency=0.97)
    calm = Overlay()
    for _ in range(50):
        calm.learn("110", TEXT, "streetlight", False)
    assert calm.adjust("110", TEXT, sure).emergency == 0.97


def test_no_lessons_ever_lower_danger_or_shrink_the_set() -> None:
    random_ = random.Random(3)
    words = ["充电桩", "门口", "坏了", "没有人", "路灯", "不亮", "三天", "火", "着了", "老人"]
    overlay = Overlay()
    for _ in range(300):
        text = "".join(random_.choices(words, k=random_.randint(1, 9)))
        overlay.learn(random_.choice(["110", "12345"]), text, random_.choice(["a", "b", ""]), random_.random() < 0.2)
        asked = "".join(random_.choices(words, k=random_.randint(0, 9)))
        before = replace(READING, emergency=random_.random())
        after = overlay.adjust("110", asked, before)
        assert before.emergency <= after.emergency <= 1.0
        assert set(before.conformal) <= set(after.conformal) and _best(after) in after.conformal
        assert sum(chance for _, chance in after.probabilities) <= 1.0 + 1e-9


def test_later_lessons_outweigh_older_ones() -> None:
    overlay = Overlay()
    overlay.learn("12345", TEXT, "telecom", False)
    for at in range(120):
        overlay.learn("12345", f"{OTHER}{at}号车", "suggestion", False)
    faded = dict(overlay.adjust("12345", TEXT, READING).probabilities)["telecom"]
    overlay.learn("12345", TEXT, "telecom", False)
    assert dict(overlay.adjust("12345", TEXT, READING).probabilities)["telecom"] > faded


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(o, "GRAMS", 200)
    monkeypatch.setattr(o, "AGENCIES", 3)
    random_ = random.Random(1)
    overlay = Overlay()
    for at in range(2_500):
        text = "".join(chr(random_.randint(0x4E00, 0x9FA5)) for _ in range(12))
        overlay.learn(f"agency-{at % 5}", text, "waste", False)
        overlay.learn("kept", TEXT, "waste", False)
    assert overlay.size("kept") <= 220
    assert sum(overlay.size(f"agency-{at}") > 0 for at in range(5)) <= 2


def _corrected(
    category: str, suggested: str, *, reason: str = "听错了", emergency: bool = False
) -> tuple[Case, f.Fact]:
    case = evolve(None, f.Fact(stamp(), opened()))
    verdict = Verdict.EMERGENCY if emergency else Verdict.ROUTE
    said = classification(
        category, by_person=True, reason=reason, candidates=(Candidate(suggested, 0.8),), verdict=verdict
    )
    fact = f.Fact(stamp(POLICE), f.CaseClassified(said, emergency))
    return evolve(case, fact), fact


def test_lessons_are_found_on_the_log() -> None:
    assert lesson_of(*_corrected("gas_leak", "gas_outage", emergency=True)) == Lesson(
        "110", "厨房停气了", "gas_leak", True
    )
    assert lesson_of(*_corrected("gas_outage", "gas_outage")) is None
    assert lesson_of(*_corrected("gas_leak", "gas_outage", reason="")) is None
    case, fact = _corrected("gas_leak", "gas_outage")
    machine = replace(fact.body.classification, by_person=False)  # type: ignore[union-attr]
    assert lesson_of(case, f.Fact(stamp(RULE), f.CaseClassified(machine))) is None
    assert lesson_of(case, f.Fact(stamp(), f.CaseAnswered("ok", "ok"))) is None


def test_the_same_lessons_give_the_same_memory() -> None:
    lessons = [Lesson("110", TEXT, "waste", False), Lesson("110", OTHER, "policy", True)] * 3
    first, second = rebuilt(lessons), rebuilt(lessons)
    assert first.adjust("110", TEXT + OTHER, READING) == second.adjust("110", TEXT + OTHER, READING)
