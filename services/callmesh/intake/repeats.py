"""Linking reports that belong together (重复警情): by number, person, place and matter, inside the city's window.

A report travels: its fact is read from the log; what it can share with others is hashed with the secret key and
noted in the stream of recent keys (kernel.recent), which tells who came before under each key, and the case is
linked to the last of them (CaseLinked, with how many there are). When a type of the city's data is full, the review
begins on this case (RepeatAdvanced); while an earlier case of the group is under review it is linked only,
unless an extreme act was threatened: then this one is an emergency of 110 as well.

A surge of reports about one matter is read a few at a time: each asks who came before, and all of them at once would
keep whoever opens the next case waiting.

Nothing scans the log, and nothing but hashes is kept. A report that shares nothing costs a publish a key and no
read. Openings are handled before classifications, so that a review finds the links it counts. Without NATS the
batch waits; repeated facts change nothing.
"""

from __future__ import annotations

import asyncio
import itertools
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

AT_ONCE = 4
AT_OPENING = (LinkKind.NUMBER, LinkKind.PERSON, LinkKind.PLACE)
AT_CLASSIFYING = (LinkKind.MATTER,)
UNDER_REVIEW = "repeat_under_review"
_OPENED, _CLASSIFIED = "case_opened", "case_classified"
_KINDS = {_OPENED: AT_OPENING, _CLASSIFIED: AT_CLASSIFYING}


class Repeats:
    """Reads the log and links what belongs together."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        runtime = mesh.runtime
        self._recent = Recent(runtime.client, runtime.publisher, runtime.names)
        self._few = asyncio.Semaphore(AT_ONCE)

    async def on_facts(self, messages: Sequence[Msg]) -> None:
        """Opened cases, then classified ones; the rest passes."""
        for kind in _KINDS:
            await each(self._mesh, [one for one in messages if kind_of(one) == kind], self._on_fact)

    async def _on_fact(self, case_id: str, message: Msg) -> None:
        async with self._few:
            await self._linked(case_id, message)

    async def _linked(self, case_id: str, message: Msg) -> None:
        """As the case is by now: what the opening and the classification say of it is read in one."""
        case, sequence = await self._mesh.case(case_id), sequence_of(message)
        keys, me = self._keys(case, self._new(message, case)), Seen(case.id, case.opened_at)
        came = await asyncio.gather(*(self._recent.come(key, me) for _, key in keys))
        for (kind, _), before in zip(keys, came, strict=True):
            await self._link(case, kind, before, sequence)
        if any(came):
            case = await self._mesh.case(case_id)  # with its links
        await self._review(case, sequence)

    def _new(self, message: Msg, case: Case) -> list[LinkKind]:
        """The kinds that this fact makes known."""
        kinds = self._mesh.city.linking.kinds
        return [one for one in _KINDS[kind_of(message)] if one in kinds and not self._others(case, one)]

    def _others(self, case: Case, kind: LinkKind) -> bool:
        """A matter that is folded is linked by whoever folds it, unless it is reviewed as well."""
        city = self._mesh.city
        if kind != LinkKind.MATTER or fold_rule(city, case.category) is None:
            return False
        return not any(kind in one.kinds for one in reviews(city, case.category))

    def _keys(self, case: Case, kinds: Sequence[LinkKind]) -> list[tuple[LinkKind, str]]:
        secret = self._mesh.runtime.settings.number_key
        return [(kind, keyed_hash(secret, text)) for kind, text in common_keys(case, kinds)]

    async def _link(self, case: Case, kind: LinkKind, before: list[Seen], sequence: int) -> None:
        near = _within(before, case, self._mesh.city.linking.window)
        if near:
            link = Link(f"cases/{near[-1].id}", kind.value, len(near) + 1)
            await self._mesh.by_policy(case.id, c.LinkTo(link), f"link.{kind}", sequence)

    async def _review(self, case: Case, sequence: int) -> None:
        """The first type that is full."""
        for wanted in reviews(self._mesh.city, case.category):
            for kind, key in self._keys(case, wanted.kinds):
                group = await self._group(case, wanted, kind, key)
                if len(group) + 1 >= wanted.count:
                    return await self._open(case, wanted, kind, group, sequence)
        return None

    async def _group(self, case: Case, wanted: RepeatType, kind: LinkKind, key: str) -> list[Case]:
        """The earlier cases of a key that count for a type; read only when the links say there may be enough."""
        linked = max((one.count for one in case.links if one.kind == kind), default=1)
        if linked < max(wanted.count, 2):
            return []
        before = itertools.takewhile(lambda one: one.id != case.id, await self._recent.last(key))
        near = _within(list(before), case, wanted.window)
        heads = await asyncio.gather(*(self._mesh.ledger.head(one.id) for one in near))
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


def _within(seen: Sequence[Seen], case: Case, window: Span) -> list[Seen]:
    oldest = case.opened_at - length(window)
    return [one for one in seen if one.at >= oldest]
