"""The partners: one stream an agency, all in one process, working on what they are sent.

What they do with an offer: `nothing`, `receipt` (their machine has it), or `work`: receipt and acceptance,
then progress, then the result, each sent when the one before was answered. Whatever comes is counted by
delivery, so a doubled one shows.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import grpc

from callmesh.api.v1 import gateway_service_pb2 as pb
from callmesh.api.v1.gateway_service_pb2_grpc import GatewayServiceStub
from callmesh.cli.bench.roles.operator import SOCKET
from callmesh.cli.bench.samples import HANDLER, PROGRESS, REPLY, RESULT
from callmesh.kernel.rpc.client import channel, identity

IN_FLIGHT = 256
_OFFERED = pb.Delivery.Kind.OFFERED


class Partner:
    """One client process of the partners' side."""

    def __init__(self, folder: Path) -> None:
        self._socket = folder / SOCKET
        self._manner = "work"
        self._arrived: dict[str, float] = {}
        self._kinds: Counter[str] = Counter()
        self._seen: set[tuple[str, int, int]] = set()
        self._doubled = self._offers = 0
        self._refused: Counter[str] = Counter()
        self._asked: dict[str, float] = {}
        self._took: dict[str, list[float]] = defaultdict(list)

    async def start(self, address: str, agencies: list[str], manner: str, desk: bool = True) -> dict[str, Any]:
        """Opens the streams and greets; `desk`: tell the operator's process what is resolved."""
        self._manner = manner
        self._desk: asyncio.StreamWriter | None = None
        if desk:
            _, self._desk = await asyncio.open_unix_connection(self._socket)
        stub = GatewayServiceStub(channel(address))
        self._streams = []
        for agency in agencies:
            call = stub.ReceiveReferrals(metadata=identity(agency, HANDLER))
            await call.write(pb.ReceiveReferralsRequest(hello=pb.Hello(max_in_flight=IN_FLIGHT)))
            await call.read()
            self._streams.append(asyncio.create_task(self._read(call)))
        return {}

    async def manner(self, manner: str) -> dict[str, Any]:
        """What to do with offers from now on."""
        self._manner = manner
        return {}

    async def clear(self) -> dict[str, Any]:
        """Forgets what was counted."""
        for one in (self._arrived, self._kinds, self._seen, self._refused, self._took):
            one.clear()
        self._doubled = self._offers = 0
        return {}

    async def told(self) -> dict[str, Any]:
        """What came, when each case's offer arrived first (monotonic seconds), how long actions took."""
        for broken in (one for one in self._streams if one.done()):
            raise RuntimeError("a stream ended") from broken.exception()
        return {
            "arrived": self._arrived,
            "kinds": dict(self._kinds),
            "doubled": self._doubled,
            "refused": dict(self._refused),
            "took": dict(self._took),
        }

    async def until(self, count: int, seconds: float) -> dict[str, Any]:
        """Waits until that many offers arrived."""
        end = time.monotonic() + seconds
        while self._offers < count and time.monotonic() < end:  # noqa: ASYNC110  # noting one must stay cheap
            await asyncio.sleep(0.02)
        return {"offers": self._offers}

    async def _read(self, call: Any) -> None:
        while (response := await call.read()) is not grpc.aio.EOF:
            now = time.monotonic()
            actions: list[pb.Action] = []
            for delivery in response.deliveries:
                self._note(delivery, now)
                actions += self._first(delivery)
            for outcome in response.outcomes:
                actions += self._next(outcome, now)
            if actions:
                await call.write(pb.ReceiveReferralsRequest(actions=actions))

    def _note(self, delivery: pb.Delivery, now: float) -> None:
        self._kinds[pb.Delivery.Kind.Name(delivery.kind)] += 1
        key = (delivery.referral.name, delivery.kind, delivery.referral.round)
        self._doubled += key in self._seen
        self._seen.add(key)
        if delivery.kind == _OFFERED:
            self._offers += 1
            self._arrived.setdefault(delivery.case.name, now)

    def _first(self, delivery: pb.Delivery) -> list[pb.Action]:
        if self._manner == "nothing":
            return []
        name = delivery.referral.name
        receipt = pb.AcknowledgeReferralRequest(name=name, delivery_id=delivery.delivery_id)
        actions = [pb.Action(acknowledge=receipt)]
        if self._manner == "work" and delivery.kind == _OFFERED:
            accept = pb.AcceptReferralRequest(name=name, handler=HANDLER)
            actions.append(self._action("accept", name, accept=accept))
        return actions

    def _next(self, outcome: pb.Outcome, now: float) -> list[pb.Action]:
        step, _, name = outcome.request_id.partition(":")
        if outcome.status.code:
            self._refused[f"{step} {outcome.status.message}"] += 1
            return []
        name = outcome.referral.name
        self._took[step].append(now - self._asked.pop(outcome.request_id))
        if step == "accept":
            progress = pb.ReportProgressRequest(name=name, text=PROGRESS, arrived=True)
            return [self._action("progress", name, progress=progress)]
        if step == "progress":
            resolve = pb.ResolveReferralRequest(name=name, result=RESULT, public_reply=REPLY)
            return [self._action("resolve", name, resolve=resolve)]
        if self._desk is not None:
            self._desk.write(name.partition("/referrals/")[0].encode() + b"\n")
        return []

    def _action(self, step: str, name: str, **body: Any) -> pb.Action:
        request_id = f"{step}:{name[6:].replace('/referrals/', ':')}"
        self._asked[request_id] = time.monotonic()
        return pb.Action(request_id=request_id, **body)
