"""How much danger the words of a report add up to, and how many people were harmed by its own account."""

from __future__ import annotations

import re
from dataclasses import dataclass

from callmesh.classification.matching import Hit

_NUMBER = r"(?:\d{1,4}|[一二两三四五六七八九十百几数俩仨]{1,3}|好几|好多|很多|许多|多)"
_WHO = r"(?:个|名|位|多名|多个)?(?:人|孩子|小孩|老人|工人|学生|乘客|大人|女的|男的|员工|司机)?"
_STATES = {
    "injured": "(?:受了?伤|重伤|轻伤|负伤|流血|骨折|昏迷|中毒|晕倒|送医|伤得)",
    "dead": "(?:死亡|遇难|身亡|没气|没了呼吸|死了)",
    "trapped": "(?:被困|困在|被埋|埋在|被压|卡在|出不来|下不来)",
}
_AHEAD = {name: re.compile(f"({_NUMBER}){_WHO}(?:都|已|已经|全|被|还)?{state}") for name, state in _STATES.items()}
_BEHIND = {
    "injured": re.compile(f"(?:伤了|打伤|撞伤|砸伤|烧伤|砍伤)({_NUMBER})(?:个|名|位)?(?:人|孩子|老人)?"),
    "dead": re.compile(f"(?:死了|撞死|打死|砍死)({_NUMBER})(?:个|名|位)?(?:人|孩子|老人)"),
    "trapped": re.compile(f"(?:困了|困着|埋了|压了|压着|困住|埋住)({_NUMBER})(?:个|名|位)?(?:人|孩子|老人)?"),
}
_DIGITS = {"一": 1, "二": 2, "两": 2, "俩": 2, "三": 3, "仨": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}
_SEVERAL = 3
_SIGNS = frozenset("伤死困埋压血毒折迷晕医卡亡难出下没")


@dataclass(frozen=True, slots=True)
class Harm:
    """People injured, dead and trapped by the caller's account; several (几) counts as three."""

    injured: int = 0
    dead: int = 0
    trapped: int = 0

    def __bool__(self) -> bool:
        return bool(self.injured or self.dead or self.trapped)


def harm_in(tight: str) -> Harm:
    """Counts told in a normalised text: 两人受伤, 困了3个人. Words without a number count nobody."""
    if _SIGNS.isdisjoint(tight):
        return Harm()
    return Harm(**{name: max(_counts(name, tight), default=0) for name in _STATES})


def _counts(name: str, tight: str) -> list[int]:
    found = [*_AHEAD[name].findall(tight), *_BEHIND[name].findall(tight)]
    return [_number(one) for one in found]


def _number(text: str) -> int:
    """十二 is 12, 几 and 多 are several."""
    if text.isdigit():
        return int(text)
    if "十" in text:
        tens, _, ones = text.partition("十")
        return _DIGITS.get(tens, 1) * 10 + _DIGITS.get(ones, 0)
    return _DIGITS.get(text, _SEVERAL)


def points_of(live: list[Hit], together: int) -> int:
    """The most danger points within reach of each other; words that overlap count once."""
    points: list[tuple[int, int]] = []
    reached = -1
    seen: set[str] = set()
    for hit in sorted(live, key=lambda one: (one.start, -one.weight)):
        if hit.start >= reached and hit.word not in seen:
            points.append((hit.start, hit.weight))
            reached = hit.end if len(hit.heads) == 1 else hit.heads[0] + 1
            seen.add(hit.word)
    return max((_sum_from(points, at, together) for at in range(len(points))), default=0)


def _sum_from(points: list[tuple[int, int]], first: int, together: int) -> int:
    total = 0
    for start, weight in points[first : first + 32]:
        if start - points[first][0] > together:
            break
        total += weight
    return total
