"""Words and measures for people: what enums are called, how long something took, what fits in a column."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.console import Console

from callmesh.api.v1 import case_pb2, common_pb2, referral_pb2
from callmesh.cli import terminal
from callmesh.domain.guards import CASE_ZH, REFERRAL_ZH
from callmesh.domain.words import CaseState, ReferralState

LIMITS = {
    common_pb2.LIMIT_ACCEPT: "acceptance (签收)",
    common_pb2.LIMIT_FEEDBACK: "first feedback (反馈)",
    common_pb2.LIMIT_RESOLVE: "result (办结)",
    common_pb2.LIMIT_ANSWER: "answer to a reminder (催办回复)",
    common_pb2.LIMIT_DECISION: "decision (审批)",
    common_pb2.LIMIT_FOLLOW_UP: "follow-up (回访)",
    common_pb2.LIMIT_DIVERSION: "first offer (分流)",
    common_pb2.LIMIT_RECTIFY: "mending (整改)",
    common_pb2.LIMIT_CALL_BACK: "call-back (回电)",
}
LEGS = {
    case_pb2.CallLeg.RINGING: "响铃 ringing",
    case_pb2.CallLeg.ANSWERED: "已接通 answered",
    case_pb2.CallLeg.CONFERENCE: "三方通话 three-way",
    case_pb2.CallLeg.ENDED: "已结束 ended",
    case_pb2.CallLeg.FAILED: "未接通 failed",
}
COLOURS = {
    common_pb2.SUPERVISION_BLUE: "blue",
    common_pb2.SUPERVISION_YELLOW: "yellow",
    common_pb2.SUPERVISION_RED: "red",
}


def console() -> Console:
    """Where pages go: as wide as the terminal, or as COLUMNS says, or 100."""
    known = sys.stdout.isatty() or "COLUMNS" in os.environ
    return terminal.console(width=None if known else 100)


def verdict(value: "common_pb2.Verdict.ValueType") -> str:
    """emergency, ask or route; "" before one."""
    return common_pb2.Verdict.Name(value).removeprefix("VERDICT_").lower() if value else ""


def level(value: "common_pb2.Level.ValueType") -> str:
    """p0 to p3; "" before one."""
    return common_pb2.Level.Name(value).removeprefix("LEVEL_").lower() if value else ""


def state(case: case_pb2.Case) -> str:
    """The case's state in lower case."""
    return case_pb2.Case.State.Name(case.state).lower()


def state_zh(case: case_pb2.Case) -> str:
    """The case's state as operators call it."""
    return CASE_ZH.get(CaseState(state(case)), "") if case.state else ""


def referral_zh(referral: referral_pb2.Referral) -> str:
    """The referral's state as operators call it."""
    name = referral_pb2.Referral.State.Name(referral.state).lower()
    return REFERRAL_ZH[ReferralState(name)] if referral.state else ""


def seconds(length: Any) -> float:
    """Of a Duration."""
    return float(length.seconds) + float(length.nanos) / 1e9


def span(length: float) -> str:
    """A length of time, short: 12 ms, 3.4 s, 2 m 05 s, 1 h 10 m, 3 d 4 h."""
    if length < 0.9995:
        return f"{length * 1000:.0f} ms"
    if length < 59.95:
        return f"{length:.1f} s"
    whole = timedelta(seconds=round(length))
    hours, rest = divmod(whole.seconds, 3600)
    if whole.days >= 10:
        return f"{whole.days} d"
    if whole.days:
        return f"{whole.days} d {hours} h"
    return f"{hours} h {rest // 60:02} m" if hours else f"{rest // 60} m {rest % 60:02} s"


def fit(text: str, cells: int) -> str:
    """The text in exactly so many cells of a terminal, Chinese counted double; cut ones end in …"""
    flat = " ".join(text.split())
    return set_cell_size(flat, cells) if cell_len(flat) <= cells else set_cell_size(flat, cells - 1).rstrip() + "…"


def shorten(text: str, cells: int) -> str:
    """The same without padding."""
    return fit(text, cells).rstrip()
