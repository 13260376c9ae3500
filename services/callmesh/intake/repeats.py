"""Linking reports that belong together (重复警情): by number, person, place and matter, inside the city's window.

A report travels: its fact is read from the log; what it can share with others is hashed with the secret key and
noted in the stream of recent keys (kernel.recent), each key's last comers are read back, and the case is
linked to the one before it (CaseLinked, with how many there are). When a type of the city's data is full, the review
begins on this case (RepeatAdvanced); while an earlier case of the group is under review it is linked only,
unless an extreme act was threatened: then this one is an emergency of 110 as well.

Nothing scans the log, and nothing but hashes is kept; a batch is noted as a whole before anybody looks, so of two
calls at once the later one finds the earlier. Without NATS the batch waits; repeated facts change nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from nats.aio.msg import Msg

from callmesh.domain import commands_matters as c
from callmesh.domain.case import ENDED_CASE, Case
from callmesh.domain.city_rules import LinkKind, RepeatType
from callmesh.domain.matters import Link
from callmesh.domain.repeats import common_keys, counts_for, fold_rule, length, reviews
from callmesh.domain.spans import Span
from callmesh.kernel.ids import keyed_hash
from callmesh.kernel.messaging import sequence_of
from callmesh.kernel.recent import Recent, Seen
from callmesh.ledger.boot import Mesh
from callmesh.ledger.consume import each, kind_of
from callmesh.ledger.port import Head

AT_OPENING = (LinkKind.NUMBER, LinkKind.PERSON, LinkKind.PLACE)
AT_CLASSIFYING = (LinkKind.MATTER,)
UNDER_REVIEW = "repeat_under_review"
_KINDS = {"case_opened": AT_OPENING, "case_classified": AT_CLASSIFYING}


class Repeats:
    """Reads the log and links what belongs together."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        runtime = mesh.runtime
        self._recent = Recent(runtime.client, runtime.publisher, runtime.names)

    async def on_facts(self, messages: Sequence[Msg]) -> None:
        """Opened and classified cases; the rest passes."""
        await asyncio.gather(*(self._note(one) for one in messages if kind_of(one) in _KINDS))
        await each(self._mesh, messages, self._on_fact, lambda _, message: kind_of(message) in _KINDS)

    async def _note(self, message: Msg) -> None:
        case = Head(message.data, sequence_of(message)).case
        me = Seen(case.id, case.opened_at)
        await asyncio.gather(*(self._recent.note(key, me) for _, key in self._keys(case, self._new(message, case))))

    async def _on_fact(self, case_id: str, message: Msg) -> None:
        case, sequence = Head(message.data, sequence_of(message)).case, sequence_of(message)
        for kind, key in self._keys(case, self._new(message, case)):
            await self._link(case, kind, key, sequence)
        await self._review(case, sequence)

    def _new(self, message: Msg, case: Case) -> list[LinkKind]:
        """The kinds that this fact makes known. A matter that is folded is linked by whoever folds it."""
        city = self._mesh.city
        kinds = _KINDS[kind_of(message)]
        folded = fold_rule(city, case.category) is not None
        return [one for one in kinds if one in city.linking.kinds and not (folded and one == LinkKind.MATTER)]

    def _keys(self, case: Case, kinds: Sequence[LinkKind]) -> list[tuple[LinkKind, str]]:
        secret = self._mesh.runtime.settings.number_key
        return [(kind, keyed_hash(secret, text)) for kind, text in common_keys(case, kinds)]

    async def _link(self, case: Case, kind: LinkKind, key: str, sequence: int) -> None:
        earlier = await self._earlier(case, key, self._mesh.city.linking.window)
        if not earlier:
            return
        link = Link(f"cases/{earlier[-1].id}", kind.value, len(earlier) + 1)
        await self._mesh.by_policy(case.id, c.LinkTo(link), f"link.{kind}", sequence)

    async def _earlier(self, case: Case, key: str, window: Span) -> list[Seen]:
        """Who came under the key before this case and inside the window, oldest first."""
        me, oldest = (case.opened_at, case.id), case.opened_at - length(window)
        seen = await self._recent.last(key)
        return sorted(
            (one for one in seen if one.at >= oldest and (one.at, one.id) < me), key=lambda one: (one.at, one.id)
        )

    async def _review(self, case: Case, sequence: int) -> None:
        """The first type that is full."""
        for wanted in reviews(self._mesh.city, case.category):
            for kind, key in self._keys(case, wanted.kinds):
                group = await self._group(case, wanted, key)
                if len(group) + 1 >= wanted.count:
                    return await self._open(case, wanted, kind, group, sequence)
        return None

    async def _group(self, case: Case, wanted: RepeatType, key: str) -> list[Case]:
        """The earlier cases of a key that count for a type; read only when there may be enough."""
        earlier = await self._earlier(case, key, wanted.window)
        if len(earlier) + 1 < wanted.count:
            return []
        heads = await asyncio.gather(*(self._mesh.ledger.head(one.id) for one in earlier))
        return [one.case for one in heads if one is not None and counts_for(wanted, one.case)]

    async def _open(self, case: Case, wanted: RepeatType, kind: LinkKind, group: list[Case], sequence: int) -> None:
        threat = any(one.category in wanted.threats for one in (case, *group))
        reviewed = [one for one in group if one.repeat is not None and one.state not in ENDED_CASE]
        if reviewed and not threat:
            link = Link(reviewed[-1].name, kind.value, len(group) + 1)
            await self._mesh.by_policy(case.id, c.LinkTo(link, (UNDER_REVIEW,)), "link.review", sequence)
            return
        command = c.OpenRepeat(wanted.id, kind.value, len(group) + 1, threat)
        await self._mesh.by_policy(case.id, command, f"repeat.{wanted.id}", sequence)
