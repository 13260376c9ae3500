"""The log itself, from the side: was every fact stored once, and what do reads and appends cost.

`fill` copies one case's sampled life under many ids, sealed as services store it. `probe` reads heads and appends
under the guard through the ledger that the services use, with its cache emptied, so every read is a read; the case's
data key is held before.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from callmesh.cli.bench.measure import times
from callmesh.cli.bench.samples import FACTS
from callmesh.facts.v1 import facts_pb2
from callmesh.kernel import headers, ids, streams
from callmesh.kernel.connection import Connection
from callmesh.kernel.kek import wrapping_keys
from callmesh.kernel.messaging import connect, sequence_of
from callmesh.kernel.publisher import Publisher
from callmesh.kernel.subjects import Names
from callmesh.kernel.vault import Vault
from callmesh.ledger.jetstream import JetStreamLedger
from callmesh.ledger.sealing import seal

REGION = "r1"
FETCH = 512
FILL_BATCH = 512
ASIDE = frozenset({"case_linked", "finding_recorded", "patrol_visited"})
"""What rules add to a life in their own time; counted, and no part of a whole life."""


class Log:
    """One connection to the log's NATS. The folder has the key-encryption key: a mesh's log needs the mesh's."""

    def __init__(self, folder: Path) -> None:
        self._names, self._folder = Names(REGION), folder
        self._stream = self._names.log_stream(0)
        self._client = Connection()

    async def start(self, url: str, furnish: bool = False) -> dict[str, Any]:
        """Connects; `furnish`: makes the streams."""
        await connect(self._client, url, "callmesh-bench")
        self._js = self._client.jetstream(timeout=30)
        self._vault = Vault(self._client, self._js, Publisher(self._client), self._names)
        await self._vault.start(wrapping_keys("", "", self._folder))
        if furnish:
            await streams.apply(self._js, streams.wanted(self._names, range(1), 1))
        return {}

    async def state(self) -> dict[str, Any]:
        """Last sequence, number of cases, bytes."""
        state = (await self._js.stream_info(self._stream, subjects_filter="none")).state
        return {"last": state.last_seq, "messages": state.messages, "bytes": state.bytes}

    async def drained(self, seconds: float) -> dict[str, Any]:
        """Waits until every durable of every stream has handled everything, however slow the machine.

        What stands still for `seconds` is given up: whose work is left.
        """
        before, moved = await self._left(), time.monotonic()
        while before and time.monotonic() - moved < seconds:
            await asyncio.sleep(0.05)  # the server tells when asked
            left = await self._left()
            if left != before:
                before, moved = left, time.monotonic()
        return {"left": before}

    async def _left(self) -> dict[str, int]:
        found = {}
        for stream in (self._stream, self._names.inbox_stream):
            for one in await self._js.consumers_info(stream):
                waiting = int(one.num_pending or 0) + int(one.num_ack_pending or 0)
                if waiting and not (stream != self._stream and not one.num_waiting):
                    found[one.name] = waiting
        return found

    async def census(self, after: int, names: list[str]) -> dict[str, Any]:
        """Reads the log behind `after` and compares every case of `names` with a whole life.

        A stranger is a case opened meanwhile that nobody was told of: one request that opened two. (Facts of
        older cases are none: limits of what `latency` left open run out.)
        """
        lives: dict[str, list[str]] = defaultdict(list)
        kinds: Counter[str] = Counter()
        async for message in self._read(after):
            case = f"cases/{self._names.case_id(message.subject)}"
            kinds[kind := (message.headers or {}).get(headers.CE_TYPE, "")] += 1
            if kind not in ASIDE:
                lives[case].append(kind)
        whole = list(FACTS)
        odd = [name for name in names if lives.get(name) != whole]
        return {
            "facts": sum(kinds.values()),
            "kinds": dict(kinds),
            "whole": len(names) - len(odd),
            "odd": {name: lives.get(name, []) for name in odd[:10]},
            "lost": sum(not _has_all(lives.get(name, [])) for name in names),
            "doubled": sum(_has_twice(life) for life in lives.values()),
            "strangers": sum(FACTS[0] in lives[name] for name in lives.keys() - set(names)),
        }

    async def _read(self, after: int) -> Any:
        last = (await self._js.stream_info(self._stream)).state.last_seq
        if last <= after:
            return
        config = ConsumerConfig(
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=after + 1, ack_policy=AckPolicy.NONE
        )
        reading = await self._js.pull_subscribe(self._names.log_all(0), stream=self._stream, config=config)
        at = after
        while at < last:
            for message in await reading.fetch(min(FETCH, last - at), timeout=10):
                at = sequence_of(message)
                yield message
        await reading.unsubscribe()

    async def fill(self, cases: int, life: list[str]) -> dict[str, Any]:
        """Writes that many closed cases, each with the records of `life` (hex), as fast as it goes."""
        records = [bytes.fromhex(one) for one in life]
        begun = time.monotonic()
        for first in range(0, cases, FILL_BATCH):
            numbers = range(first, min(first + FILL_BATCH, cases))
            made = await asyncio.gather(*(self._sealed(*_copy(records, number)) for number in numbers))
            for place in range(len(records)):
                for one, copies in made:
                    await self._put(one, copies[place])
            await self._client.flush()
            while (await self.state())["messages"] < numbers.stop * len(records):  # noqa: ASYNC110
                await asyncio.sleep(0.005)  # the server stores what it took in its own time
        state = await self.state()
        return {"seconds": time.monotonic() - begun, "facts": cases * len(records), "stored": state["messages"]}

    async def _sealed(self, case_id: str, copies: list[facts_pb2.Record]) -> tuple[str, list[facts_pb2.Record]]:
        key = await self._vault.make(case_id)
        return case_id, [seal(one, key) for one in copies]

    async def _put(self, case_id: str, record: facts_pb2.Record) -> None:
        """Without waiting for the acknowledgement; `fill` counts what is stored."""
        kind: dict[str, str] = {headers.CE_TYPE: record.fact.WhichOneof("body") or ""}
        await self._client.publish(self._names.case(case_id), record.SerializeToString(), headers=kind)

    async def probe(self, cases: int, count: int, fresh: bool = False) -> dict[str, Any]:
        """Reads the head of a random case and appends the next record to it, one after the other."""
        reads, appends = [], []
        for _ in range(count):
            case_id = _id(random.randrange(cases))
            ledger = JetStreamLedger(self._client, self._js, self._names, "bench", self._vault)
            await self._vault.load(case_id)
            begun = time.monotonic()
            head = await ledger.head(case_id, fresh)
            read = time.monotonic()
            assert head is not None, case_id
            record = head.record
            record.fact.command_id = f"{case_id}:bench:{ids.new_id()}"
            ready = time.monotonic()
            await ledger.append(case_id, record, head.sequence)
            reads.append(read - begun)
            appends.append(time.monotonic() - ready)
        return {"read": times(reads), "append": times(appends)}


def _id(number: int) -> str:
    return ids.case_id(REGION, 0, "bench", str(number))


def _copy(records: list[bytes], number: int) -> tuple[str, list[facts_pb2.Record]]:
    case_id = _id(number)
    name, copies = f"cases/{case_id}", []
    for place, data in enumerate(records):
        record = facts_pb2.Record.FromString(data)
        record.case.name = name
        record.fact.command_id = f"{case_id}:bench:{place}"
        for referral in record.case.referrals:
            referral.name = f"{name}/referrals/{referral.name.rpartition('/')[2]}"
        if record.fact.HasField("case_opened"):
            record.fact.case_opened.name = name
        copies.append(record)
    return case_id, copies


def _has_all(life: list[str]) -> bool:
    return set(FACTS) <= set(life)


def _has_twice(life: list[str]) -> bool:
    return any(life.count(kind) > 1 for kind in FACTS)
