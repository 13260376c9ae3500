"""`handle`: the one way a case changes.

load -> decide -> evolve -> append, and on conflict again. A cached head saves the read: when it
is stale the append's guard says so, and a refusal decided on it is decided again on a fresh one,
so a stale cache costs time but never a wrong answer. A command that depends on the case (whom to
offer it to) is given as a function of it, for the same reason. Before anything else the command's own id is
looked for among the last commands of the case: then it had succeeded, and is answered, not
repeated. The fingerprint tells a retry from a reused id.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from callmesh.domain import commands as c
from callmesh.domain.case import Case
from callmesh.domain.decide import decide
from callmesh.domain.errors import Changed, DomainError, Invalid, Overloaded, Reused, Unreachable, no_case
from callmesh.domain.evolve import evolve
from callmesh.domain.facts import Fact, Stamp
from callmesh.domain.values import replace
from callmesh.facts.v1 import facts_pb2
from callmesh.ledger.chain import follow
from callmesh.ledger.port import Ambiguous, Conflict, Head, Ledger
from callmesh.ledger.record import command_key, encode, fact_of

ATTEMPTS = 8
WORDS_BYTES = 512 * 1024
RECORD_BYTES = 960 * 1024
"""A message of the log is at most 1 MiB."""
Ask = c.Command | Callable[[Case], c.Command]
"""A command, or how to make it from the case: made anew whenever the case is loaded anew."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The case after a command. `fact` is None when nothing new happened (`repeated` says why)."""

    head: Head
    fact: Fact | None = None
    repeated: bool = False


async def handle(ledger: Ledger, case_id: str, command: Ask, stamp: Stamp, etag: str = "") -> Outcome:
    """Carries a command out; raises DomainError. Safe to repeat with the same stamp.command_id."""
    unknown: Ambiguous | None = None
    fresh = False
    for _ in range(ATTEMPTS):
        try:
            head = await _load(ledger, case_id, command, fresh)
        except Unreachable as away:
            raise (gave_up(unknown) if unknown else away) from None  # after silence it may have been stored
        if head is not None and command_key(stamp.command_id) in head.recent:
            return await repeated_of(ledger, case_id, head, stamp) or Outcome(head, repeated=True)
        try:
            outcome = await _once(ledger, case_id, head, command, stamp, etag)
            if outcome.fact is None and not fresh:
                fresh = True  # nothing to do, as far as was known: decided anew on what is true now
                continue
            return outcome
        except Conflict:
            if fresh and (before := await repeated_of(ledger, case_id, head, stamp)):
                return before  # carried out long ago: not among the last commands any more
            fresh = True
        except Ambiguous as wrong:
            unknown, fresh = wrong, True
        except DomainError:
            if head is None or fresh:
                raise
            fresh = True
    raise gave_up(unknown)


async def _load(ledger: Ledger, case_id: str, command: Ask, fresh: bool) -> Head | None:
    if isinstance(command, c.Open) and not fresh:
        return None  # a new case has no head; the guard tells if it has one after all
    return await ledger.head(case_id, fresh)


async def _once(ledger: Ledger, case_id: str, head: Head | None, ask: Ask, stamp: Stamp, etag: str) -> Outcome:
    if etag and head is not None and etag != head.etag:
        raise Changed("the case changed meanwhile", "事件单已被更新, 请刷新后重试", head.etag)
    case = head.case if head else None
    command = ask(_existing(case)) if callable(ask) else ask
    if case is not None and stamp.at < case.updated_at:  # a case's facts are in the order of their times
        stamp = replace(stamp, at=case.updated_at)
    body = decide(case, command, stamp)
    if body is None and head is not None:
        return Outcome(head)
    assert body is not None
    fact = Fact(stamp, body)
    after = evolve(case, fact)
    record = fits(_record(fact, after, head), command)
    stored = await ledger.append(case_id, record, head.sequence if head else 0)
    return Outcome(stored.knowing(after, record), fact)


def _record(fact: Fact, after: Case, head: Head | None) -> facts_pb2.Record:
    if head is None:
        return encode(fact, after, ())
    return follow(encode(fact, after, tuple(head.recent), (head.case, head.record.case)), head)


def _existing(case: Case | None) -> Case:
    if case is None:
        raise no_case()
    return case


async def repeated_of(ledger: Ledger, case_id: str, head: Head | None, stamp: Stamp) -> Outcome | None:
    """The outcome of a command that was carried out before, None if it was not."""
    for old in await ledger.history(case_id) if head else ():
        if old.record.fact.command_id != stamp.command_id:
            continue
        if old.record.fact.fingerprint != stamp.fingerprint:
            raise Reused(
                "this request_id was used before with other content",
                "此请求编号已用于其他内容, 请换新的请求编号",
            )
        return Outcome(head or old, fact_of(old.record), repeated=True)
    return None


def fits(record: facts_pb2.Record, command: c.Command) -> facts_pb2.Record:
    """The record, unless it grew too large: words stop long before the steps that end a case do."""
    size = record.ByteSize()
    if size > WORDS_BYTES and isinstance(command, (c.Amend, c.Annotate, c.Progress)):
        raise _no_room(
            "the case takes no more text: say the rest in its result, or in a new case that refers to it",
            "该事件单文字已满, 不能再补充; 其余内容请写入办理结果, 或另开新单并注明原单编号",
        )
    if size > RECORD_BYTES:
        raise _no_room(
            "the case holds too much text; open a new one and refer to it", "该事件单内容过多, 请另开新单并注明原单编号"
        )
    return record


def _no_room(message: str, zh: str) -> Invalid:
    return Invalid(message, zh, {"text": "no room left in this case"})


def gave_up(unknown: Ambiguous | None) -> DomainError:
    """What to tell after so many attempts."""
    if unknown is not None:
        return Unreachable(
            "the log did not answer; send the same request_id again",
            "系统暂时没有应答, 请稍后用同一请求编号重试",
        )
    return Overloaded("the case changes too fast; try again", "该事件单正被频繁更新, 请稍后重试")
