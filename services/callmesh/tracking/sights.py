"""What each reader sees: the model and the log hold everything, an answer holds what its asker may know.

Lists and watches are narrowed to the cases that the asker has a part in before anything is read, unless its role looks
over the whole city; what comes out is then shown as far as its part allows (domain/access.py). Who has but a part in a
case reads the events of the case and of its own referrals, without the names of other agencies' people.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from callmesh.api.v1 import case_pb2
from callmesh.api.v1 import tracking_service_pb2 as api
from callmesh.domain import access
from callmesh.domain.case import Actor
from callmesh.domain.errors import NotFound
from callmesh.ledger.access import Access, Sight
from callmesh.tracking.filters import CaseFilter


class Sights:
    """Narrows questions and answers."""

    def __init__(self, guard: Access) -> None:
        self._access = guard

    def words(self, actor: Actor) -> bool:
        """Whether the actor is shown anybody's words at all: who keeps the mesh running sees the way alone."""
        return actor.role != access.OPS or bool(actor.agency)

    def scope(self, actor: Actor) -> str:
        """The agency whose cases alone are meant; "" for who looks over all."""
        return "" if access.sees_all(actor) else actor.agency

    def narrowed(self, actor: Actor, wanted: CaseFilter) -> CaseFilter:
        """The same filter over the cases that the actor may see."""
        return replace(wanted, party=self.scope(actor), asker=actor.agency)

    def of(self, actor: Actor, case: case_pb2.Case) -> Sight:
        """What the actor sees of the case; raises NotFound."""
        return self._access.sight(actor, case)

    def case(self, actor: Actor, case: case_pb2.Case) -> case_pb2.Case:
        """The case as the actor may see it; raises NotFound."""
        return self.of(actor, case).case

    def cases(self, actor: Actor, cases: Iterable[case_pb2.Case]) -> list[case_pb2.Case]:
        """Those that the actor may see."""
        found = []
        for one in cases:
            try:
                found.append(self.case(actor, one))
            except NotFound:
                continue
        return found

    def events(self, actor: Actor, sight: Sight, events: Iterable[api.CaseEvent]) -> list[api.CaseEvent]:
        """Those that the actor may see."""
        return [_unnamed(actor, sight, one) for one in events if sight.has(one.referral)]

    def timeline(self, actor: Actor, told: api.Timeline) -> api.Timeline:
        """The timeline as the actor may see it; raises NotFound."""
        sight = self.of(actor, told.case)
        told.case.CopyFrom(sight.case)
        if sight.whole:
            return told
        entries = [one for one in told.entries if sight.has(one.event.referral)]
        holds = [one for one in told.holds if one.referral and sight.has(one.referral)]
        for one in entries:
            _unnamed(actor, sight, one.event)
        shown = api.Timeline(
            case=told.case,
            entries=entries,
            holds=holds,
            deliveries=[one for one in told.deliveries if sight.has(one.referral)],
            rounds=[_own_round(actor, one) for one in told.rounds if actor.agency in one.agencies],
            missed=[one for one in told.missed if sight.has(one.referral)],
        )
        if told.next_agency == actor.agency:
            shown.next_due.CopyFrom(told.next_due)
            shown.next_limit, shown.next_agency = told.next_limit, told.next_agency
        return shown


def _own_round(actor: Actor, one: api.Round) -> api.Round:
    """When it was, without who else had it and what the caller said."""
    shown = api.Round(round=one.round, start_time=one.start_time, agencies=[actor.agency])
    if one.HasField("end_time"):
        shown.end_time.CopyFrom(one.end_time)
    return shown


def _unnamed(actor: Actor, sight: Sight, event: api.CaseEvent) -> api.CaseEvent:
    """Without the person, when it is another agency's and the asker has but a part in the case."""
    if not sight.whole and event.actor.agency != actor.agency:
        event.actor.person = ""
    return event
