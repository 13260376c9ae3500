"""The partners: one stream an agency, all in one process, working on what they are sent.

What they do with an offer: `nothing`, `receipt` (their machine has it), or `work`: receipt and acceptance,
then progress, then the result, each sent when the one before was answered, and again with the same request_id when
the answer is that it will pass. Whatever comes is counted by delivery, so a doubled one shows.
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
from callmesh.cli.bench.samples import HANDLER, PROGRESS, REPLY, RESULT
from callmesh.kernel.rpc.client import channel, identity
from callmesh.partner.patience import PASSING, PAUSES, jittered

IN_FLIGHT = 256
_OFFERED = pb.Delivery.Kind.OFFERED
_PASSING = {one.value[0] for one in PASSING}


class Partner:
    """One client process of the partners' side."""

    def __init__(self, folder: Path) -> None:
        self._manner = "work"
        self._arrived: dict[str, float] = {}
        self._kinds: Counter[str] = Counter()
        self._seen: dict[tuple[str, int, int], str] = {}
        self._doubled = self._offers = 0
        self._refused: Counter[str] = Counter()
        self._asked: dict[str, tuple[float, pb.Action]] = {}
        self._took: dict[str, list[float]] = defaultdict(list)

    async def start(self, address: str, agencies: list[str], manner: str, desk: int = 0) -> dict[str, Any]:
        """Opens the streams and greets; `desk`: the port at which the operator's process is told what is resolved."""
        self._manner = manner
        self._desk: asyncio.StreamWriter | None = None
        if desk:
            _, self._desk = await asyncio.open_connection("127.0.0.1", desk)
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
                actions += self._first(delivery, new=self._note(delivery, now))
            for outcome in response.outcomes:
                actions += await self._next(outcome, now)
            if actions:
                await call.write(pb.ReceiveReferralsRequest(actions=actions))

    def _note(self, delivery: pb.Delivery, now: float) -> bool:
        """Whether it is new: what was not receipted in time comes again, with the delivery id it had."""
        self._kinds[pb.Delivery.Kind.Name(delivery.kind)] += 1
        key = (delivery.referral.name, delivery.kind, delivery.referral.round)
        new = delivery.attempt < 2 or key not in self._seen
        self._doubled += self._seen.setdefault(key, delivery.delivery_id) != delivery.delivery_id
        if new and delivery.kind == _OFFERED:
            self._offers += 1
            self._arrived.setdefault(delivery.case.name, now)
        return new

    def _first(self, delivery: pb.Delivery, new: bool) -> list[pb.Action]:
        if self._manner == "nothing":
            return []
        name = delivery.referral.name
        receipt = pb.AcknowledgeReferralRequest(name=name, delivery_id=delivery.delivery_id)
        actions = [pb.Action(acknowledge=receipt)]
        if self._manner == "work" and new and delivery.kind == _OFFERED:
            accept = pb.AcceptReferralRequest(name=name, handler=HANDLER)
            actions.append(self._action("accept", name, accept=accept))
        return actions

    async def _next(self, outcome: pb.Outcome, now: float) -> list[pb.Action]:
        step = outcome.request_id.partition(":")[0]
        if outcome.status.code in _PASSING and outcome.request_id in self._asked:
            await asyncio.sleep(jittered(PAUSES[0]))
            return [self._asked[outcome.request_id][1]]
        if outcome.status.code:
            self._refused[f"{step} {outcome.status.message}"] += 1
            return []
        begun, _ = self._asked.pop(outcome.request_id)
        name = outcome.referral.name
        self._took[step].append(now - begun)
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
        action = pb.Action(request_id=request_id, **body)
        self._asked[request_id] = time.monotonic(), action
        return action
