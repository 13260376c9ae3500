"""Recorded cases: from the log, or from a file of JSON lines, for replay, refit and the overlay's lessons.

The log is read in order by a passing consumer that nobody has to acknowledge, from a moment on and up to what was last
when reading began. A fact of a newer version that may be ignored is skipped; any other stops the reading with
UnknownFact. Raises NatsError, OSError or TimeoutError when NATS is away.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from callmesh.classification.overlay import Overlay, lesson_of, rebuilt
from callmesh.domain import facts as f
from callmesh.domain.case import Case
from callmesh.kernel.messaging import sequence_of
from callmesh.kernel.subjects import Names
from callmesh.kernel.vault import Keys
from callmesh.ledger.port import Head
from callmesh.ledger.record import UnknownFact, fact_of

_ROOM, _SECONDS = 256, 10.0
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the classifier was given, and what a person made of it: `category` is "" when nobody corrected."""

    id: str
    text: str
    channel: str = "phone"
    origin: str = ""
    division: str = ""
    at: datetime = _EPOCH
    category: str = ""
    emergency: bool = False


class BadCases(ValueError):
    """A file of cases has a bad line; the message names it."""


async def facts_since(
    js: JetStreamContext, names: Names, shard: int, since: datetime, keys: Keys
) -> AsyncIterator[tuple[Case, f.Fact]]:
    """Every fact from a moment on, with the case after it, in the log's order."""
    stream = names.log_stream(shard)
    last = int((await js.stream_info(stream)).state.last_seq)
    config = ConsumerConfig(
        deliver_policy=DeliverPolicy.BY_START_TIME,
        opt_start_time=since.astimezone(UTC).isoformat(),  # type: ignore[arg-type]  # the client sends it as it is
        ack_policy=AckPolicy.NONE,
        inactive_threshold=3 * _SECONDS,
        mem_storage=True,
        num_replicas=1,
    )
    pulled = await js.pull_subscribe(names.log_all(shard), stream=stream, config=config)
    try:
        waiting = (await pulled.consumer_info()).num_pending or 0
        while waiting > 0:
            for message in await pulled.fetch(min(_ROOM, waiting), timeout=_SECONDS):
                waiting -= 1
                if int(message.metadata.sequence.stream) > last:
                    return
                key = await keys.load(names.case_id(message.subject))
                head = Head(message.data, sequence_of(message), key=key)
                with contextlib.suppress(_Skipped):
                    yield head.case, _fact(head.record)
    finally:
        with contextlib.suppress(NatsError, OSError, TimeoutError):
            await pulled.unsubscribe()


async def cases_since(js: JetStreamContext, names: Names, shard: int, since: datetime, keys: Keys) -> list[Recorded]:
    """The last state of every case that something happened to, in the order they were opened."""
    latest = {case.id: case async for case, _ in facts_since(js, names, shard, since, keys)}
    return sorted((of_case(case) for case in latest.values()), key=lambda one: (one.at, one.id))


async def overlay_since(js: JetStreamContext, names: Names, shard: int, since: datetime, keys: Keys) -> Overlay:
    """What operators taught since a moment, as the overlay had it before the process ended: for a service's start."""
    said = facts_since(js, names, shard, since, keys)
    return rebuilt([lesson async for case, fact in said if (lesson := lesson_of(case, fact))])


def of_case(case: Case) -> Recorded:
    """A case as the classifier sees it."""
    said, report = case.classification, case.report
    text = "\n".join([report.narrative, *(one.text for one in report.supplements)])
    corrected = said.category if said is not None and said.by_person else ""
    return Recorded(case.id, text, case.channel, case.origin, case.division, case.opened_at, corrected, case.emergency)


def cases_in(path: Path) -> Iterator[Recorded]:
    """Cases of a file of JSON lines: {"text": …, "channel", "origin", "division", "id", "at", "category"}."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip():
            try:
                yield _of_line(json.loads(line), number)
            except (ValueError, KeyError, TypeError, AttributeError) as wrong:
                raise BadCases(
                    f"{path}:{number}: no case ({type(wrong).__name__}); a line is an object with text"
                ) from None


def _of_line(given: dict[str, object], number: int) -> Recorded:
    at = datetime.fromisoformat(str(given["at"])) if given.get("at") else _EPOCH
    return Recorded(
        id=str(given.get("id") or f"line {number}"),
        text=str(given["text"]),
        channel=str(given.get("channel") or "phone"),
        origin=str(given.get("origin") or ""),
        division=str(given.get("division") or ""),
        at=at if at.tzinfo else at.replace(tzinfo=UTC),
        category=str(given.get("category") or ""),
        emergency=bool(given.get("emergency")),
    )


class _Skipped(Exception):
    """A fact that may be ignored."""


def _fact(record: object) -> f.Fact:
    try:
        return fact_of(record)  # type: ignore[arg-type]
    except UnknownFact as unknown:
        if unknown.may_ignore:
            raise _Skipped from None
        raise
