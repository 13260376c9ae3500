"""Folding by rule (并单): a surge of reports of one matter becomes one case with one referral.

It stands beside the transfer by rule, in the same reader, because a case that may travel by itself either travels
or is folded: two readers would do both. What shares a place (a cell of the map, or the division) and a
category is counted in the stream of recent keys. From the city's count on, a report goes into the parent, which is
the earliest open one; the few that came before it and that no person took yet follow, their offers recalled. What
a rule may not decide, an operator is asked: link and flag. An emergency is never folded here.

Members of one key are handled one after the other, so a thousand at once meet no conflict on their parent. If
folding fails for any reason of the domain (the parent ended a moment ago), the case travels as any other.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable

from callmesh.domain import commands_matters as c
from callmesh.domain.case import ENDED_CASE, Case
from callmesh.domain.city_rules import FoldMode, FoldRule
from callmesh.domain.commands import Command
from callmesh.domain.decide_merge import is_grave
from callmesh.domain.errors import DomainError, NoDirectory, Overloaded, Unreachable
from callmesh.domain.evolve_matters import CONFIRMED
from callmesh.domain.matters import Link
from callmesh.domain.names import case_id_of
from callmesh.domain.repeats import fold_key, fold_rule, length
from callmesh.domain.words import ATTENDED, CaseState
from callmesh.kernel.ids import keyed_hash
from callmesh.kernel.recent import Recent, Seen
from callmesh.ledger import stamps
from callmesh.ledger.boot import Mesh
from callmesh.ledger.pair import handle_pair

SUGGESTED = "fold_suggested"
RULE = "fold"
_LOCKS = 1_000
_SURGES = 1_000


class Folding:
    """Folds by the city's rules, or suggests it."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        runtime = mesh.runtime
        self._recent = Recent(runtime.client, runtime.publisher, runtime.names)
        self._locks: OrderedDict[str, asyncio.Lock] = OrderedDict()
        self._surges: OrderedDict[str, Seen] = OrderedDict()

    def concerns(self, category: str) -> bool:
        """Whether a category may be folded; True while nobody knows, so that the reader waits for the city."""
        try:
            return fold_rule(self._mesh.city, category) is not None
        except (NoDirectory, Unreachable):
            return True

    async def fold(self, case: Case, sequence: int) -> bool:
        """Folds a case that was just classified; True when it went into another one."""
        rule = fold_rule(self._mesh.city, case.category)
        key = self._key(case, rule)
        if rule is None or not key or case.children_count or case.state in ENDED_CASE:
            return False
        async with self._lock(key):
            me = Seen(case.id, case.opened_at)
            if (surge := await self._running(key, case, rule)) is not None:
                await self._recent.note(key, me)
                return await self._merge(case, surge, sequence)
            before = await self._recent.come(key, me)
            others = await self._cases(one for one in before if one.id != case.id and _near(one, case, rule))
            parent = await self._parent(case, others)
            if parent is None or len(others) + 1 < rule.count:
                return False
            if not _by_rule(case, parent, rule):
                await self._suggest(case, parent, len(others) + 1, sequence)
                return False
            folded = await self._merge(case, parent, sequence)
            await self._follow(others, parent, sequence)
            self._remember(key, Seen(parent.id, case.opened_at))
            return folded

    async def confirmed(self, child: Case, sequence: int) -> None:
        """A person folded a case: what was only suggested follows, where the city wants it so."""
        parent = await self._case(child.parent)
        if parent is None:
            return
        rule = fold_rule(self._mesh.city, parent.category)
        key = self._key(parent, rule)
        if rule is None or not key or rule.mode != FoldMode.CONFIRMED:
            return
        async with self._lock(key):
            seen = await self._recent.last(key)
            others = await self._cases(one for one in seen if _near(one, child, rule))
            await self._follow(others, parent, sequence)

    async def _running(self, key: str, case: Case, rule: FoldRule) -> Case | None:
        """The parent of a surge that this process folded into a moment ago: nothing needs looking up again."""
        known = self._surges.get(key)
        if known is None or not _near(known, case, rule):
            return None
        parent = await self._case(f"cases/{known.id}")
        if parent is None or not _is_open(parent) or parent.name == case.name or not _by_rule(case, parent, rule):
            return None
        self._remember(key, Seen(parent.id, max(known.at, case.opened_at)))
        return parent

    def _remember(self, key: str, surge: Seen) -> None:
        self._surges[key] = surge
        self._surges.move_to_end(key)
        if len(self._surges) > _SURGES:
            self._surges.popitem(last=False)

    def _key(self, case: Case, rule: FoldRule | None) -> str:
        text = fold_key(case, rule) if rule else ""
        return keyed_hash(self._mesh.runtime.settings.number_key, text)

    def _lock(self, key: str) -> asyncio.Lock:
        """One a key; the oldest idle one is forgotten."""
        lock = self._locks.setdefault(key, asyncio.Lock())
        self._locks.move_to_end(key)
        if len(self._locks) > _LOCKS:
            oldest = next(iter(self._locks))
            if not self._locks[oldest].locked():
                del self._locks[oldest]
        return lock

    async def _cases(self, seen: Iterable[Seen]) -> list[Case]:
        """The cases as last seen, oldest first."""
        heads = await asyncio.gather(*(self._mesh.ledger.head(one.id) for one in seen))
        return sorted((one.case for one in heads if one is not None), key=_age)

    async def _case(self, name: str) -> Case | None:
        head = await self._mesh.ledger.head(case_id_of(name)) if name else None
        return head.case if head else None

    async def _parent(self, case: Case, others: list[Case]) -> Case | None:
        """The case that holds others already, else the earliest open one; None when it is this one."""
        roots = {one.parent for one in others if one.state == CaseState.MERGED}
        held = [one for name in sorted(roots) if (one := await self._case(name)) and _is_open(one)]
        if held:
            return max(held, key=lambda one: one.children_count)
        waiting = [one for one in others if _is_open(one) and _age(one) < _age(case)]
        return waiting[0] if waiting else None

    async def _follow(self, others: Iterable[Case], parent: Case, sequence: int) -> None:
        """Those that came before the count was full, as far as no person took them."""
        for one in others:
            taken = any(referral.accepted_at for referral in one.this_round)
            if _is_open(one) and one.name != parent.name and not one.children_count and not taken:
                await self._merge(one, parent, sequence)

    async def _merge(self, case: Case, parent: Case, sequence: int) -> bool:
        def ask(one: Case, other: Case) -> tuple[Command, Command]:
            return c.Merge(other, "同一地点同类报警, 按规则并单"), c.Join(one.name)

        stamp = stamps.by_policy(case.id, RULE, sequence)
        try:
            outcome = await handle_pair(self._mesh.ledger, case.id, parent.id, ask, stamp)
        except (Unreachable, Overloaded, NoDirectory):
            raise
        except DomainError:
            return False
        return outcome.head.case.state == CaseState.MERGED

    async def _suggest(self, case: Case, parent: Case, count: int, sequence: int) -> None:
        link = Link(parent.name, "matter", count)
        await self._mesh.by_policy(case.id, c.LinkTo(link, (SUGGESTED,)), "suggest_fold", sequence)


def _age(case: Case) -> tuple[float, str]:
    return case.opened_at.timestamp(), case.id


def _is_open(case: Case) -> bool:
    return case.state not in ENDED_CASE


def _near(one: Seen, case: Case, rule: FoldRule) -> bool:
    return abs(case.opened_at - one.at) <= length(rule.window)


def _by_rule(case: Case, parent: Case, rule: FoldRule) -> bool:
    """Whether the city lets the mesh fold this one."""
    if is_grave(case) or is_grave(parent) or rule.mode == FoldMode.SUGGEST:
        return False
    confirmed = rule.mode == FoldMode.CONFIRMED and CONFIRMED in parent.flags
    return confirmed or case.channel not in ATTENDED
