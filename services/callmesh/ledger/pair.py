"""`handle_pair`: the one way two cases change together (folding one into another, taking it out).

Both are loaded, both decide, and both facts are stored in one atomic batch, each guarded by its own head, when
the cases share a shard. In different shards no batch can hold both: the first case is written, which is the one
that a person looks at, and the second by a durable reaction to that fact (intake.folding), which may find that
it came too late and takes the first out again. The second fact takes no place among its case's last commands.
"""

from __future__ import annotations

from collections.abc import Callable

from callmesh.domain import commands as c
from callmesh.domain.case import Case
from callmesh.domain.decide import decide
from callmesh.domain.errors import Changed, DomainError, Unreachable, no_case, no_parent
from callmesh.domain.evolve import evolve
from callmesh.domain.facts import Fact, Stamp
from callmesh.domain.names import shard_of
from callmesh.domain.values import replace
from callmesh.ledger.chain import follow
from callmesh.ledger.handle import ATTEMPTS, Outcome, fits, gave_up, repeated_of
from callmesh.ledger.port import Ambiguous, Append, Conflict, Head, Ledger
from callmesh.ledger.record import command_key, encode, encode_aside

AskBoth = Callable[[Case, Case], tuple[c.Command, c.Command]]
"""The commands for the first and the second case, made anew whenever the cases are loaded anew."""
_OTHER_SIDE = "other"


async def handle_pair(
    ledger: Ledger, first_id: str, second_id: str, ask: AskBoth, stamp: Stamp, etag: str = ""
) -> Outcome:
    """The first case after it; raises DomainError. Safe to repeat with the same stamp.command_id."""
    unknown: Ambiguous | None = None
    fresh = False
    for _ in range(ATTEMPTS):
        try:
            first, second = await _load(ledger, first_id, second_id, fresh)
        except Unreachable as away:
            raise (gave_up(unknown) if unknown else away) from None  # after silence they may have been stored
        if command_key(stamp.command_id) in first.recent:
            return await repeated_of(ledger, first_id, first, stamp) or Outcome(first, repeated=True)
        try:
            outcome = await _once(ledger, first, second, ask, stamp, etag)
            if outcome.fact is None and not fresh:
                fresh = True  # as of one case
                continue
            return outcome
        except Conflict:
            if fresh and (before := await repeated_of(ledger, first_id, first, stamp)):
                return before
            fresh = True
        except Ambiguous as wrong:
            unknown, fresh = wrong, True
        except DomainError:
            if fresh:
                raise
            fresh = True
    raise gave_up(unknown)


async def _load(ledger: Ledger, first_id: str, second_id: str, fresh: bool) -> tuple[Head, Head]:
    first, second = await ledger.head(first_id, fresh), await ledger.head(second_id, fresh)
    if first is None:
        raise no_case()
    if second is None:
        raise no_parent()
    return first, second


async def _once(ledger: Ledger, first: Head, second: Head, ask: AskBoth, stamp: Stamp, etag: str) -> Outcome:
    if etag and etag != first.etag:
        raise Changed("the case changed meanwhile", "事件单已被更新, 请刷新后重试", first.etag)
    command, other = ask(first.case, second.case)
    fact = _decided(first.case, command, stamp)
    if fact is None:
        return Outcome(first)
    after = evolve(first.case, fact)
    record = fits(follow(encode(fact, after, tuple(first.recent)), first), command)
    append = Append(first.case.id, record, first.sequence)
    aside = replace(stamp, command_id=f"{stamp.command_id}:{_OTHER_SIDE}")
    reaction = _decided(second.case, other, aside) if _together(first.case, second.case) else None
    if reaction is None:
        stored = await ledger.append(append.case_id, append.record, append.expected)
    else:
        beside = follow(encode_aside(reaction, evolve(second.case, reaction), tuple(second.recent)), second)
        stored, _ = await ledger.append_both(append, Append(second.case.id, beside, second.sequence))
    return Outcome(stored.knowing(after, record), fact)


def _decided(case: Case, command: c.Command, stamp: Stamp) -> Fact | None:
    ordered = replace(stamp, at=max(stamp.at, case.updated_at))
    body = decide(case, command, ordered)
    return Fact(ordered, body) if body is not None else None


def _together(first: Case, second: Case) -> bool:
    """Whether one batch can hold both: same region and shard."""
    return shard_of(first.id) == shard_of(second.id)
