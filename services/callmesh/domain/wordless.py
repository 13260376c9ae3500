"""A case without words: who had it, when and how it ended, and nothing that anybody said or wrote about it."""

from __future__ import annotations

from callmesh.domain.case import Case
from callmesh.domain.matters import Repeat
from callmesh.domain.referral import Referral
from callmesh.domain.report import Report
from callmesh.domain.values import replace


def wordless(case: Case) -> Case:
    """The way of the case."""
    said = case.classification
    return replace(
        case,
        report=Report(),
        caller_key="",
        operator="",
        result="",
        public_reply="",
        waiver="",
        classification=replace(said, reason="") if said else None,
        referrals=tuple(map(_referral, case.referrals)),
        follow_ups=tuple(replace(one, note="") for one in case.follow_ups),
        annotations=tuple(replace(one, text="") for one in case.annotations),
        mediations=tuple(replace(one, outcome="") for one in case.mediations),
        findings=tuple(replace(one, note="") for one in case.findings),
        repeat=_repeat(case.repeat),
    )


def _referral(one: Referral) -> Referral:
    return replace(
        one,
        basis="",
        feedback=tuple(replace(said, text="", attachments=()) for said in one.feedback),
        pending=tuple(replace(asked, reason="") for asked in one.pending),
        disclosures=tuple(replace(asked, reason="", decision_reason="") for asked in one.disclosures),
        result="",
        public_reply="",
        return_basis="",
        remind_reason="",
        decision_reason="",
    )


def _repeat(repeat: Repeat | None) -> Repeat | None:
    if repeat is None:
        return None
    return replace(repeat, steps=tuple(replace(one, text="") for one in repeat.steps))
