"""Which agency is told what after disputes, designations, reviews, advice, and when support becomes lead."""

from __future__ import annotations

import pytest

from callmesh.api.v1 import gateway_service_pb2 as gw
from callmesh.domain import commands as c
from callmesh.domain import facts as f
from callmesh.domain.case import Actor, Annotation
from callmesh.domain.decide import decide
from callmesh.domain.evolve import evolve
from callmesh.domain.words import Role
from callmesh.gateway.inbox import items_of
from support.builders import (
    CALENDAR,
    COMMANDER,
    GAS,
    LATER,
    NOW,
    POLICE,
    accepted,
    asked_back,
    classified,
    name,
    offered,
    opened,
    referral,
    resolved,
    stamp,
    target,
    told,
    transfer,
)

ONE, TWO = name(1), name(2)
BASE = (opened(), classified(), offered())
WITH_SUPPORT = (opened(), classified(), offered(referral(), referral("water", 2, Role.SUPPORT)))
DENIED = (*BASE, accepted(), asked_back(), f.ReturnDenied(ONE, "属你单位"))
SECOND = f.ReturnGranted(ONE, "同意", (referral("water", 2, hop=1),))


def news(facts: tuple[f.Body, ...], command: c.Command, by: Actor) -> list[tuple[str, str]]:
    """Who is told what when the command is carried out later."""
    before = told(*facts)
    body = decide(before, command, stamp(by, LATER))
    assert body is not None
    after = evolve(before, f.Fact(stamp(by, LATER), body))
    return [(one.agency, gw.Delivery.Kind.Name(kind)) for one, kind in items_of(body, after)]


@pytest.mark.parametrize(
    ("facts", "command", "by", "wanted"),
    [
        ((*DENIED,), c.Contest(ONE, "不属"), GAS, []),
        (
            (*BASE, asked_back(), SECOND, asked_back(2)),
            c.GrantReturn(TWO, "同意", target("119"), CALENDAR),
            POLICE,
            [("water", "RETURN_GRANTED")],
        ),
        (
            (*DENIED, f.DisputeOpened(ONE, "不属")),
            c.Designate("裁定", target("gas"), CALENDAR),
            COMMANDER,
            [("gas", "DESIGNATED")],
        ),
        (
            (*DENIED, f.DisputeOpened(ONE, "不属")),
            c.Designate("裁定", target("water"), CALENDAR),
            COMMANDER,
            [("water", "OFFERED"), ("gas", "RETURN_GRANTED")],
        ),
        (
            (*BASE, accepted()),
            c.Designate("裁定", target("water"), CALENDAR),
            COMMANDER,
            [("water", "OFFERED"), ("gas", "RECALLED")],
        ),
        (
            (*WITH_SUPPORT, f.ReferralRecalled(ONE, "误派")),
            transfer(target("water")),
            POLICE,
            [("water", "OFFERED"), ("water", "WAIVED")],
        ),
        ((*BASE, accepted(), resolved()), c.SendBack(ONE, "x"), POLICE, [("gas", "SENT_BACK")]),
        ((*BASE, accepted(), resolved()), c.Approve(ONE, "x"), POLICE, [("gas", "APPROVED")]),
        ((*BASE,), c.Annotate("x"), POLICE, [("gas", "ANNOTATED")]),
        ((*BASE,), c.Annotate("x"), GAS, []),
        ((*BASE,), c.ChangeSupervisor("z-1"), POLICE, []),
    ],
    ids=lambda one: type(one).__name__ if not isinstance(one, (list, tuple)) else "",
)
def test_who_is_told_what(facts: tuple[f.Body, ...], command: c.Command, by: Actor, wanted: list[object]) -> None:
    assert news(facts, command, by) == wanted


def test_a_note_on_a_case_that_nobody_leads_is_told_to_nobody() -> None:
    noted = f.CaseAnnotated(Annotation("110", "x", NOW))
    assert list(items_of(noted, told(opened(), noted))) == []
