"""The reason an operator reads: one short sentence made of lexicon words only, never of the caller's."""

from __future__ import annotations

from callmesh.classification.matching import Hit
from callmesh.domain.words import Verdict

_SHOWN = 3


def reason_for(verdict: Verdict, name: str, live: list[Hit], lowered: list[Hit], hits: list[Hit]) -> str:
    """Why this verdict, in Chinese."""
    if verdict is Verdict.EMERGENCY:
        return f"含险情词{_quoted(live)}，按{name or '紧急警情'}处置"
    if live:
        return f"疑似险情{_quoted(live)}，请追问核实"
    if lowered:
        return f"含险情词{_quoted(lowered)}，但有否定、既往、演练等修饰，请追问核实"
    matter = [hit for hit in hits if hit.row.kind == "category"]
    if verdict is Verdict.ROUTE:
        return f"未见险情词，依据{_quoted(matter)}，属{name}"
    return f"可能属{name}，依据不足，请追问" if name else "内容不足以判断，请追问"


def _quoted(hits: list[Hit]) -> str:
    """The gravest few words, in brackets."""
    ordered = sorted(hits, key=lambda hit: (-hit.weight, hit.start))
    return "".join(f"「{word}」" for word in list(dict.fromkeys(hit.word for hit in ordered))[:_SHOWN])
