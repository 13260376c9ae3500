"""The log on JetStream: one stream a shard, one subject a case, guarded by the subject's sequence.

Words are sealed on the way in and unsealed on the way out (sealing), with the case's data key (kernel/vault.py); a
case gets its key before its first message is stored. Heads are cached: what this process appended and what its
consumers saw (`observe`) saves the read. The cache may be stale; `handle` copes. Without NATS every call fails at
once with Unreachable; a publish that got no answer raises Ambiguous, since NATS may store it later.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import APIError, NotFoundError

from callmesh.domain.errors import elsewhere
from callmesh.facts.v1 import facts_pb2
from callmesh.kernel import headers
from callmesh.kernel.batch import read_batch
from callmesh.kernel.connection import Connection
from callmesh.kernel.ids import new_id
from callmesh.kernel.messaging import require_connection, sequence_of, unreachable
from callmesh.kernel.publisher import Publisher, Refused, Unanswered
from callmesh.kernel.subjects import Names
from callmesh.kernel.telemetry import facts_total, mark, traceparent
from callmesh.kernel.vault import DataKey, Keys
from callmesh.ledger.port import Ambiguous, Append, Conflict, Head
from callmesh.ledger.sealing import seal

READ_SECONDS = 2.0
CACHED_HEADS = 20_000
DECODED_HEADS = 4_000
"""Decoded a head takes 12 KiB, stored 1.5: only the last ones that were written or opened stay so."""
_WRONG_SEQUENCE = {10071, 10164}
_KNOWN_IN_BATCH = {10201}
_HISTORY_BATCH = 256


class JetStreamLedger:
    """The real log."""

    def __init__(self, client: Connection, js: JetStreamContext, names: Names, source: str, vault: Keys) -> None:
        self._client, self._js, self._names, self._vault = client, js, names, vault
        self._publisher = Publisher(client)
        self._source = f"/callmesh/{source}"
        self._cache: OrderedDict[str, Head] = OrderedDict()
        self._decoded: deque[Head] = deque()

    def observe(self, message: Msg) -> None:
        """Notes a message that a consumer of the log was given."""
        case_id = self._names.case_id(message.subject)
        self._remember(case_id, Head(message.data, sequence_of(message)))

    def glance(self, message: Msg) -> facts_pb2.Record:
        """What a message of the log tells without its words, and without a key."""
        return self._head_of(message).stored

    async def seen(self, message: Msg) -> Head:
        """The head that a message of the log was; decoded once a process if it is still the last one known."""
        return await self._opened(self._names.case_id(message.subject), self._head_of(message))

    def _head_of(self, message: Msg) -> Head:
        known, sequence = self._cache.get(self._names.case_id(message.subject)), sequence_of(message)
        return known if known is not None and known.sequence == sequence else Head(message.data, sequence)

    def is_emergency(self, name: str) -> bool:
        """Whether the case, or that of a referral of this name, is known here to be one; asks nobody."""
        head = self._cache.get(name.removeprefix("cases/").partition("/")[0])
        return head is not None and head.stored.case.emergency

    async def head(self, case_id: str, fresh: bool = False) -> Head | None:
        """Cached if known; else, and when `fresh`, from the stream's leader."""
        if not fresh and case_id in self._cache:
            return await self._opened(case_id, self._cache[case_id])
        if not self._is_ours(case_id):
            return None  # another region's case has no log here
        require_connection(self._client)
        stream, subject = self._names.case_stream(case_id), self._names.case(case_id)
        try:
            found = await asyncio.wait_for(self._js.get_last_msg(stream, subject, direct=not fresh), READ_SECONDS)
        except NotFoundError:
            return None
        except (TimeoutError, NatsError, APIError, OSError) as wrong:
            raise unreachable() from wrong
        return await self._opened(case_id, Head(found.data or b"", int(found.seq or 0)))

    async def _opened(self, case_id: str, head: Head) -> Head:
        """The head as it is held, with its key."""
        held = self._remember(case_id, head)
        if held.key is None or held.key.missing:
            self._open(held, await self._vault.load(case_id))
        return held

    def _open(self, head: Head, key: DataKey) -> Head:
        self._decoded.append(head)
        if len(self._decoded) > DECODED_HEADS:
            self._decoded.popleft().forget()
        return head.opened_with(key)

    async def append(self, case_id: str, record: facts_pb2.Record, expected: int) -> Head:
        """One publish with the guard; the new head."""
        require_connection(self._client)
        key = await self._vault.make(case_id)
        data, kind = seal(record, key).SerializeToString(), record.fact.WhichOneof("body") or ""
        mark(agency=_agency_of(record), fact=kind)
        subject, sent = self._names.case(case_id), self._headers(record, kind, expected)
        try:
            ack = await self._publisher.publish(subject, data, sent)
        except Refused as wrong:
            if wrong.code in _WRONG_SEQUENCE:
                raise Conflict from None
            raise unreachable() from wrong
        except Unanswered as wrong:
            raise Ambiguous from wrong
        if ack.duplicate:
            raise Conflict
        facts_total.add(1, {"fact": kind})
        return self._open(self._remember(case_id, Head(data, ack.seq)), key)

    async def append_both(self, first: Append, second: Append) -> tuple[Head, Head]:
        """One atomic batch with both guards, committed by the second message; the new heads."""
        require_connection(self._client)
        kinds = [one.record.fact.WhichOneof("body") or "" for one in (first, second)]
        mark(agency=_agency_of(first.record), fact=kinds[0])
        batch = {headers.BATCH_ID: new_id()}
        keys = [await self._vault.make(one.case_id) for one in (first, second)]
        data = [seal(one.record, key).SerializeToString() for one, key in zip((first, second), keys, strict=True)]
        sent = [
            self._headers(one.record, kind, one.expected) | batch | {headers.BATCH_SEQUENCE: str(place)}
            for place, (one, kind) in enumerate(zip((first, second), kinds, strict=True), start=1)
        ]
        subjects = [self._names.case(one.case_id) for one in (first, second)]
        try:
            await self._client.publish(subjects[0], data[0], headers=sent[0])
            ack = await self._publisher.publish(subjects[1], data[1], sent[1] | {headers.BATCH_COMMIT: "1"})
        except Refused as wrong:
            if wrong.code in _WRONG_SEQUENCE | _KNOWN_IN_BATCH:
                raise Conflict from None
            raise unreachable() from wrong
        except (Unanswered, NatsError, OSError) as wrong:
            raise Ambiguous from wrong
        for kind in kinds:
            facts_total.add(1, {"fact": kind})
        stored = Head(data[0], ack.seq - 1), Head(data[1], ack.seq)
        one, other = map(self._remember, (first.case_id, second.case_id), stored)
        return self._open(one, keys[0]), self._open(other, keys[1])

    async def history(self, case_id: str) -> list[Head]:
        """All messages of the case, by batched direct gets; NotFound for a case of another region."""
        if not self._is_ours(case_id):
            raise elsewhere(case_id, self._names.region)  # its stream would look like one that is away
        key = await self._vault.load(case_id)
        found: list[Head] = []
        while True:
            batch = await self._batch(case_id, found[-1].sequence + 1 if found else 1)
            found += batch
            if len(batch) < _HISTORY_BATCH:
                return [one.opened_with(key) for one in found]

    def _is_ours(self, case_id: str) -> bool:
        return case_id.startswith(f"{self._names.region}-")

    async def _batch(self, case_id: str, start: int) -> list[Head]:
        request = {"seq": start, "next_by_subj": self._names.case(case_id), "batch": _HISTORY_BATCH}
        found = []
        for message in await read_batch(self._client, self._names.case_stream(case_id), request):
            given = message.headers or {}
            parent = given.get(headers.TRACEPARENT, "")
            found.append(Head(message.data, int(given[headers.SEQUENCE]), traceparent=parent))
        return found

    def _headers(self, record: facts_pb2.Record, kind: str, expected: int) -> dict[str, str]:
        command_id = record.fact.command_id
        sent = {
            headers.MSG_ID: command_id,
            headers.EXPECTED_SEQUENCE: str(expected),
            headers.CE_VERSION: "1.0",
            headers.CE_ID: command_id,
            headers.CE_TYPE: kind,
            headers.CE_SOURCE: self._source,
            headers.CE_AGENCY: _agency_of(record),
        }
        parent = traceparent()
        if parent:
            sent[headers.TRACEPARENT] = parent
        return sent

    def _remember(self, case_id: str, head: Head) -> Head:
        """The head as it is held, if it is the last one known: one for each message, whoever brought it. A reader is
        often given a message before its writer is told that it is stored, and what the writer knows of it, its
        reader need not decode."""
        known = self._cache.get(case_id)
        if known is not None and known.sequence >= head.sequence:
            return known if known.sequence == head.sequence else head
        self._cache[case_id] = head
        self._cache.move_to_end(case_id)
        if len(self._cache) > CACHED_HEADS:
            self._cache.popitem(last=False)
        return head


def _agency_of(record: facts_pb2.Record) -> str:
    """Whose doing a fact is: of the agency that acted; where a rule or a timer did, of the owner of record."""
    return record.fact.actor.agency or record.case.owner
