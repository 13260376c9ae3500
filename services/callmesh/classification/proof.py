"""The positive proof of ROUTE. Every condition must hold; the first that fails is named, and the verdict is ASK.

No live word of danger, no learned suspicion, enough said in a language we read, matters of one agency that cannot
be excluded and none of them an emergency, nobody vulnerable beside a hazard. A missing model proves nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from callmesh.classification.danger import points_of
from callmesh.classification.findings import Findings
from callmesh.classification.matching import PLAIN, Hit
from callmesh.classification.thresholds import Limits
from callmesh.domain.directory import Category
from callmesh.domain.words import EmergencyRule

_VULNERABLE = frozenset({"child", "elder", "vulnerable"})
SUSPECTED = "模型疑似险情"
_DECISIVE, _CERTAIN = 2.6, 0.95
_DOUBT_SPELLED, _CONFIDENT_SPELLED = 0.05, 0.85
"""Of a report in pinyin, which n-grams of Latin letters read badly and no word of the lexicon names."""
_DOUBT_NOW = 0.05
_JUST_NOW = frozenset({"刚才", "刚刚", "这会", "这会儿", "此刻", "眼下", "今天"})
_NEVER_ROUTED = frozenset({"silent_misdial", "prank_abuse"})
_LONG, _FEW = 200, 20
_UNNAMED = 2
_EXAMINED = 2000
_UNREAD = re.compile("[^\\x00-\\x7f\u4e00-\u9fff]+")


def missing_proof(
    found: Findings, learned: float | None, chances: Mapping[str, float], city: Mapping[str, Category], limits: Limits
) -> str:
    """What is missing for ROUTE, in zh-CN; "" when everything is proved. `learned` is None without a model."""
    if learned is None:
        return "模型不可用"
    best = next(iter(chances), "")
    proven, named = _proven(found, best), any(_names(hit, best) for hit in found.hits)
    if learned >= _suspicion(limits, proven, named and chances[best] >= _CERTAIN) or _turned(found, learned):
        return SUSPECTED
    if _suspicious(found, limits):
        return "有疑似险情的词"
    if not enough(found, limits, proven, named):
        return "内容不足"
    if found.pinyin and (learned >= _DOUBT_SPELLED or max(chances.values(), default=0.0) < _CONFIDENT_SPELLED):
        return "拼音难以读准"
    return _not_one(chances, city, limits, _confident(found, limits, proven, named))


def _suspicion(limits: Limits, proven: bool, certain: bool) -> float:
    """How much learned danger stops a report: more is needed where words prove, or name and nothing else fits."""
    return limits.doubt_proven if proven else limits.doubt_named if certain else limits.doubt


def _turned(found: Findings, learned: float) -> bool:
    """A complaint that comes to what happened just now (占道…刚才压着一个): everyday words prove nothing about that."""
    return learned >= _DOUBT_NOW and any(hit.row.target == "present" and hit.word in _JUST_NOW for hit in found.hits)


def _confident(found: Findings, limits: Limits, proven: bool, named: bool) -> float:
    """How probable the matter must be: less where words say it, or say that something is asked for."""
    if proven:
        return limits.confident_proven
    told = named or any(hit.row.target == PLAIN for hit in found.hits)
    return limits.confident_told if told else limits.confident


def _proven(found: Findings, category: str) -> bool:
    """A decisive phrase of the matter, and something asked for, complained of, broken or owed (class `plain`)."""
    mine = sum(hit.weight + 0.1 * min(len(hit.word), 8) for hit in found.hits if _names(hit, category))
    return mine >= _DECISIVE and any(hit.row.target == PLAIN for hit in found.hits)


def _names(hit: Hit, category: str) -> bool:
    return hit.sure and hit.row.kind == "category" and hit.row.target == category


def _suspicious(found: Findings, limits: Limits) -> bool:
    """Danger too small for an alarm, danger that a modifier lowered, or a weak person beside any danger."""
    if points_of(found.live, limits.together) >= limits.doubt_points:
        return True
    if any(hit.weight >= limits.doubt_points for hit in found.lowered):
        return True
    return bool(found.live) and any(hit.row.kind == "class" and hit.row.target in _VULNERABLE for hit in found.hits)


def enough(found: Findings, limits: Limits, proven: bool, named: bool) -> bool:
    """Enough said in a script we read, all of it looked at, and no stuck key. 停水了 is short but says it all.

    A text in which no word names the matter has to be a little longer: 嗯对没有不方便 says nothing.
    """
    tight = found.text.tight
    head = tight[:_EXAMINED]
    unread = sum(map(len, _UNREAD.findall(head)))
    if not found.text.complete or len(head) - unread < 0.8 * len(head) or _babble(tight):
        return False
    spoken = len(head) - sum(map(str.isdigit, head))
    return spoken >= limits.characters + (0 if named else _UNNAMED) or (spoken > 1 and proven)


def _babble(tight: str) -> bool:
    """The same few characters over and over: a stuck key or a script, no report."""
    return len(tight) > _LONG and len(set(tight)) < _FEW


def _not_one(chances: Mapping[str, float], city: Mapping[str, Category], limits: Limits, confident: float) -> str:
    """Why the matters that cannot be excluded do not lead to one agency for everyday matters."""
    best = next(iter(chances), "")
    if not best or best in _NEVER_ROUTED:
        return "类别不明"
    urgent = sum(chance for name, chance in chances.items() if city[name].emergency is EmergencyRule.ALWAYS)
    if urgent >= limits.unlike or city[best].emergency is EmergencyRule.ALWAYS:
        return "不能排除险情类别"
    leads: dict[str, float] = {}
    for name, chance in chances.items():
        leads[city[name].lead] = leads.get(city[name].lead, 0.0) + chance
    mine = leads.pop(city[best].lead)
    if max(leads.values(), default=0.0) >= limits.shared:
        return "承办单位不唯一"
    return "" if mine >= confident else "把握不足"
