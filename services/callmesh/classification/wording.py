"""The reason an operator reads: one short sentence made of lexicon words only, never of the caller's."""

from __future__ import annotations

from callmesh.classification.findings import Findings
from callmesh.classification.matching import Hit
from callmesh.domain.words import Verdict

_SHOWN = 3


def reason_for(verdict: Verdict, name: str, found: Findings, lacking: str) -> str:
    """Why this verdict, in Chinese. `lacking` is what the proof of ROUTE misses."""
    if verdict is Verdict.EMERGENCY:
        if not found.live:
            return f"模型判为险情，按{name or '紧急警情'}处置"
        return f"含险情词{_quoted(found.live)}，按{name or '紧急警情'}处置"
    if found.live:
        return f"疑似险情{_quoted(found.live)}，请追问核实"
    if found.lowered:
        return f"含险情词{_quoted(found.lowered)}，但有否定、既往、演练等修饰，请追问核实"
    matter = [hit for hit in found.hits if hit.row.kind == "category"]
    if verdict is Verdict.ROUTE:
        return f"未见险情，依据{_quoted(matter)}，属{name}" if matter else f"未见险情，模型判为{name}"
    return f"可能属{name}，{lacking}，请追问" if name else f"{lacking}，请追问"


def _quoted(hits: list[Hit]) -> str:
    """The gravest few words, in brackets."""
    ordered = sorted(hits, key=lambda hit: (-hit.weight, hit.start))
    return "".join(f"「{word}」" for word in list(dict.fromkeys(hit.word for hit in ordered))[:_SHOWN])
