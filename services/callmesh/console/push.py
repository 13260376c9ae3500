"""Push: what changed in the mesh, to every open page, from one subscription.

A change travels: tracking's WatchCases (as `ops`, so it names what changed and never what was said) -> a ring of the
last RING changes -> the bounded queue of each client that may know of it -> server-sent events, `id` = how far it is in
each shard's log (console/heads.py). A browser that comes back sends Last-Event-ID and is told again what it missed;
when that is older than the ring, or its queue ran over, it is told `reset` and fetches its page's parts anew. Pages
fetch what they show through their own RPCs: what a change may say to whom, the services decide.

Tracking away, or not SERVING because the log does not reach it: clients are told so (`standing`, not live). The
subscription is tried again with its token, so nothing is left out; once it stands again they are told that too, and
fetch their page's parts anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
import msgspec
from grpc_health.v1 import health_pb2, health_pb2_grpc

from callmesh.api.v1 import case_pb2, tracking_service_pb2
from callmesh.console.accounts import Account
from callmesh.console.heads import Heads, read, text
from callmesh.domain import access, names
from callmesh.kernel.rpc import client
from callmesh.kernel.rpc.clients import Clients
from callmesh.kernel.telemetry import log

RING = 2_000
QUEUE = 256
BEAT_SECONDS = 15.0
_RETRY_SECONDS = 0.5


class Change(msgspec.Struct, frozen=True):
    """One fact about a case, without a word of anybody's.

    `seq` counts on the log of the case's shard, `at` is in milliseconds since 1970.
    """

    seq: int
    case: str
    kind: str
    state: int
    level: int
    emergency: bool
    by: str
    referral: str
    at: int
    agencies: frozenset[str]

    @property
    def shard(self) -> str:
        """Of the case."""
        return names.shard_of(self.case.removeprefix("cases/"))

    def concerns(self, account: Account) -> bool:
        """Whether the person's agency has a part in the case, or looks over the whole city."""
        return account.role in access.PRIVILEGED or account.agency in self.agencies


class Standing(msgspec.Struct, frozen=True):
    """Whether the subscription stands and is fed: what pages show follows the mesh, or is as old as the break."""

    live: bool


class Listener:
    """An open page's queue."""

    def __init__(self, account: Account, size: int = QUEUE) -> None:
        self.account, self._queue = account, asyncio.Queue[Change | Standing | None](size)

    def give(self, change: Change) -> None:
        """Queues what concerns it; a queue that runs over becomes a reset."""
        if change.concerns(self.account):
            self._put(change)

    def stand(self, standing: Standing) -> None:
        """Queues that for everybody."""
        self._put(standing)

    def _put(self, item: Change | Standing) -> None:
        if self._queue.full():
            while not self._queue.empty():
                self._queue.get_nowait()
            self._queue.put_nowait(None)
        else:
            self._queue.put_nowait(item)

    async def next(self, seconds: float = BEAT_SECONDS) -> Change | Standing | None:
        """The next change, None for a reset; raises TimeoutError after `seconds`."""
        return await asyncio.wait_for(self._queue.get(), seconds)


class Push:
    """The subscription, the ring, and everybody who listens."""

    def __init__(self, mesh: Clients, ring: int = RING) -> None:
        self._mesh = mesh
        self.ring: deque[Change] = deque(maxlen=ring)
        self.heads: dict[str, int] = {}
        self._before: dict[str, int] = {}
        self.listeners: set[Listener] = set()
        self.started = asyncio.Event()
        self._token = ""
        self._stands = self._fed = self.live = False
        self._told_away = False
        self.closing = asyncio.Event()

    async def run(self) -> None:
        """Subscribes, and hears whether the subscription is fed, for ever."""
        await asyncio.gather(self._follow(), self._hear())

    async def _follow(self) -> None:
        while True:
            try:
                await self._subscribe()
            except grpc.aio.AioRpcError as wrong:
                self._away(wrong)
            await asyncio.sleep(_RETRY_SECONDS)

    async def _subscribe(self) -> None:
        request = tracking_service_pb2.WatchCasesRequest(resume_token=self._token)
        async for answer in self._mesh.tracking.WatchCases(request, metadata=client.identity("", "console", "ops")):
            self._token, self._told_away = answer.resume_token, False
            if answer.HasField("event"):
                self.tell(change_of(answer.case, answer.event))
            self.started.set()
            self.stand(True)

    async def _hear(self) -> None:
        """Tracking's own word: a log that hangs breaks no subscription, it only leaves it silent."""
        health: Any = health_pb2_grpc.HealthStub(self._mesh.channels["tracking"])
        while True:
            with contextlib.suppress(grpc.aio.AioRpcError):
                async for answer in health.Watch(health_pb2.HealthCheckRequest()):
                    self.feed(answer.status == health_pb2.HealthCheckResponse.SERVING)
            self.feed(False)
            await asyncio.sleep(_RETRY_SECONDS)

    def stand(self, stands: bool) -> None:
        """Whether the subscription stands from now on; everybody is told what is news."""
        self._stands = stands
        self._settle()

    def feed(self, fed: bool) -> None:
        """Whether what happens reaches tracking from now on; everybody is told what is news."""
        self._fed = fed
        self._settle()

    def _settle(self) -> None:
        live = self._stands and self._fed
        if live != self.live:
            self.live = live
            for one in self.listeners:
                one.stand(Standing(live))

    def _away(self, wrong: grpc.aio.AioRpcError) -> None:
        self.stand(False)
        if wrong.code() == grpc.StatusCode.INVALID_ARGUMENT:  # a token of a log that is no more
            self.refuse()
        if not self._told_away:
            log.warning("push waits for tracking", error=wrong.code().name)
            self._told_away = True

    def refuse(self) -> None:
        """Tracking will not go on behind the token: the subscription begins anew, and nobody knows what is between."""
        self._token = ""
        self.ring.clear()
        self.heads.clear()
        self._before.clear()

    def tell(self, change: Change) -> None:
        """Into the ring and to everybody."""
        if len(self.ring) == self.ring.maxlen:
            self._before[self.ring[0].shard] = self.ring[0].seq
        self._before.setdefault(change.shard, change.seq - 1)
        self.heads[change.shard] = change.seq
        self.ring.append(change)
        for one in self.listeners:
            one.give(change)

    def since(self, heads: Heads) -> list[Change] | None:
        """Changes after these, oldest first; None when the ring does not reach back so far, or lacks a shard."""
        if heads.keys() - self._before.keys():
            return None
        if any(heads.get(shard, 0) < before for shard, before in self._before.items()):
            return None
        return [one for one in self.ring if one.seq > heads.get(one.shard, 0)]

    @property
    def head(self) -> str:
        """How far everybody was told; "" before the first change."""
        return text(self.heads)

    @contextlib.contextmanager
    def joined(self, listener: Listener) -> Iterator[Listener]:
        """Listening for as long as the block runs."""
        self.listeners.add(listener)
        try:
            yield listener
        finally:
            self.listeners.discard(listener)


def change_of(case: case_pb2.Case, event: tracking_service_pb2.CaseEvent) -> Change:
    """What a page is told of a fact."""
    parts = {case.origin, case.owner}
    for one in case.referrals:
        parts |= {one.agency, one.sender}
    return Change(
        seq=int(event.name.rpartition("/")[2]),
        case=case.name,
        kind=event.kind,
        state=event.state,
        level=case.classification.level,
        emergency=case.emergency,
        by=event.actor.agency,
        referral=event.referral,
        at=event.at.ToMilliseconds(),
        agencies=frozenset(parts - {""}),
    )


async def events(push: Push, account: Account, last_id: str) -> AsyncIterator[bytes]:
    """Server-sent events for one client, from where it broke off."""
    with push.joined(Listener(account)) as listener:
        seen = dict(push.heads)  # who is told `hello` hears of all that happens from then on, or that it is not live
        yield _event("hello", {"now": _now(), "seq": text(seen), "live": push.live})
        back = read(last_id)
        missed = push.since(back) if back else None
        if last_id and missed is None:
            yield _event("reset", {"now": _now(), "live": push.live}, seen)
        for one in missed or ():
            back[one.shard] = one.seq
            yield _told(one, account, back)
        while not push.closing.is_set():
            try:
                change = await listener.next()
            except TimeoutError:
                yield b": beat\n\n"
                continue
            if isinstance(change, Standing):
                yield _event("standing", change)
            elif change is None:
                seen = dict(push.heads)
                yield _event("reset", {"now": _now(), "live": push.live}, seen)
            elif change.seq > seen.get(change.shard, 0):
                seen[change.shard] = change.seq
                yield _told(change, account, seen)


def _told(change: Change, account: Account, heads: Heads) -> bytes:
    return _event("change", change, heads) if change.concerns(account) else _id(heads) + b"\n"


def _event(kind: str, data: object, heads: Heads | None = None) -> bytes:
    return (_id(heads) if heads else b"") + b"event: %s\ndata: %s\n\n" % (kind.encode(), msgspec.json.encode(data))


def _id(heads: Heads) -> bytes:
    return b"id: %s\n" % text(heads).encode()


def _now() -> int:
    return int(time.time() * 1000)
