"""The case after facts about personal data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from callmesh.domain import facts_privacy as p
from callmesh.domain.case import Case
from callmesh.domain.changes import on_referral
from callmesh.domain.facts import Stamp
from callmesh.domain.referral import Disclosure, Referral
from callmesh.domain.values import replace
from callmesh.domain.wordless import wordless
from callmesh.domain.words import DisclosureState

_S = DisclosureState


def _requested(case: Case, body: p.DisclosureRequested, stamp: Stamp) -> Case:
    asked = Disclosure(_S.ASKED, body.fields, body.reason, stamp.at, decision_due=body.decision_due)
    return on_referral(case, body.referral, lambda one: replace(one, disclosures=(*one.disclosures, asked)))


def _decided(case: Case, body: p.DisclosureDecided, stamp: Stamp) -> Case:
    def answered(one: Disclosure) -> Disclosure:
        if one.state != _S.ASKED:
            return one
        state, fields = (_S.GRANTED, body.fields) if body.granted else (_S.DENIED, one.fields)
        by = stamp.actor.agency
        told = replace(one, state=state, fields=fields, decided_at=stamp.at, decided_by=by, decision_reason=body.reason)
        return replace(told, decision_due=None)

    def change(one: Referral) -> Referral:
        return replace(one, disclosures=tuple(map(answered, one.disclosures)))

    return on_referral(case, body.referral, change)


def _released(case: Case, body: p.DataReleased, stamp: Stamp) -> Case:
    return on_referral(case, body.referral, lambda one: replace(one, released=(*one.released, *body.fields)))


def _erased(case: Case, body: p.CaseErased, stamp: Stamp) -> Case:
    return replace(wordless(case), erased_at=stamp.at)


EVOLVERS: dict[type, Callable[[Case, Any, Stamp], Case]] = {
    p.DisclosureRequested: _requested,
    p.DisclosureDecided: _decided,
    p.DataReleased: _released,
    p.CaseErased: _erased,
}
