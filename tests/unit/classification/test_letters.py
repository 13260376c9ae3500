"""Long letters: looking for patterns only where their classes meet finds what looking everywhere finds."""

from __future__ import annotations

import pytest
from samples import classifier

from callmesh.classification import joining
from callmesh.classification.corpus import load
from callmesh.classification.matching import Matcher
from callmesh.classification.metamorphic_data import COMPLAINTS
from callmesh.classification.text import normalise
from callmesh.domain.words import Channel, Verdict

LETTERS = [one.text for one in load() if len(one.text) > 120]
CALM = ("".join(COMPLAINTS) * 30)[:9_900]


def test_cells_lose_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    matcher = Matcher.load()
    texts = [normalise(text) for text in LETTERS]
    narrow = [_named(matcher, text) for text in texts]
    monkeypatch.setattr(joining, "_meeting", lambda *_: joining._EVERYWHERE)
    assert len(texts) >= 100
    assert [_named(matcher, text) for text in texts] == narrow


def _named(matcher: Matcher, text: object) -> list[tuple[int, int, str, str]]:
    """What a verdict is made of: class words speak only through their patterns."""
    found = [hit for hit in matcher.find(text) if hit.row.kind != "class"]  # type: ignore[arg-type]
    return [(hit.start, hit.end, hit.word, hit.row.target) for hit in found]


@pytest.mark.parametrize("at", [0, 3_000, 9_900])
def test_an_emergency_is_heard_anywhere_in_ten_pages(at: int) -> None:
    letter = f"{CALM[:at]}。三楼着火了，里面有人喊救命。{CALM[at:]}"
    assert classifier().assess(letter, Channel.WEB).verdict is Verdict.EMERGENCY


def test_the_stretch_that_sounds_worst_is_read_alone() -> None:
    letter = "物业服务不到位，垃圾清运不及时，楼道灯也不亮，停车位不够用，电梯广告太多，" * 3
    calm = classifier().assess(letter, Channel.WEB)
    said = classifier().assess(f"{letter}我摔在厨房地上两天了，够得着手机，够不着门。{letter}", Channel.WEB)
    assert said.danger > calm.danger
    assert said.verdict is not Verdict.ROUTE


def test_thanks_in_a_sentence_of_their_own_sound_of_nothing() -> None:
    assert classifier().assess(f"您好。{COMPLAINTS[0]}谢谢您！", Channel.WEB).verdict is Verdict.ROUTE


@pytest.mark.parametrize("cry", ["小孙女手伸进压面机", "攀岩绳松了，人直接拍地上", "工人进冷库修管道，出来两个趴着的"])
def test_what_the_other_sentences_prove_does_not_drown_a_cry(cry: str) -> None:
    for complaint in COMPLAINTS:
        assert classifier().assess(complaint, Channel.WEB).verdict is Verdict.ROUTE
        for letter in (f"{cry}。{complaint}", f"{complaint}{cry}"):
            assert classifier().assess(letter, Channel.WEB).verdict is not Verdict.ROUTE, letter
