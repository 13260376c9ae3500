"""The bare pipeline as the parent sees it: NATS, two servers and two clients, and its two kinds of round.

It stays up during the whole run and idles while the mesh is measured, so that its rounds can alternate with
the mesh's: bare, mesh, bare, mesh. What the machine does meanwhile then hits both.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

from callmesh.cli.bench.hands import Hand, Nats
from callmesh.cli.bench.measure import Figures, cpu, times
from callmesh.cli.bench.samples import Scene
from callmesh.cli.output import Failure

CASE = "cases/r1-0-01BENCH0000000000000000000"
_ARRIVE_SECONDS = 60.0


class Pipeline:
    """unary gRPC -> publish with fsync -> pull consumer -> stream to a partner."""

    def __init__(self, folder: Path, scene: Scene) -> None:
        self._folder, self._scene = folder, scene
        self._stack = AsyncExitStack()
        self._numbers = 0
        self.processes: dict[str, int] = {}

    async def __aenter__(self) -> Pipeline:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _start(self) -> None:
        folder, scene, enter = self._folder, self._scene, self._stack.enter_async_context
        self.nats = await enter(Nats(folder))
        case, delivery = scene.case.SerializeToString().hex(), scene.delivery.SerializeToString().hex()
        intake = await enter(Hand("intake", folder, url=self.nats.url, case=case, delivery=delivery))
        self._gateway = gateway = await enter(Hand("gateway", folder, url=self.nats.url))
        addresses = {"transfer": intake.started["address"]}
        self.operator = await enter(Hand("operator", folder, addresses=addresses, origin=scene.origin))
        where = {"address": gateway.started["address"], "agencies": ["bench"], "manner": "nothing"}
        self.partner = await enter(Hand("partner", folder, **where))
        hands = {"gRPC server": intake, "gateway": gateway, "operator": self.operator, "partner": self.partner}
        self.processes = {"nats": self.nats.pid} | {name: hand.pid for name, hand in hands.items()}

    async def saturated(self, seconds: float, in_flight: int) -> Figures:
        """What it can do: messages a second, CPU a message."""
        await self._gateway.ask("fetch")
        await self.partner.ask("clear")
        before = cpu(self.processes)
        sent = await self.operator.ask("transfers", name=CASE, seconds=seconds, in_flight=in_flight)
        came = await self.partner.ask("until", count=sent["count"], seconds=_ARRIVE_SECONDS)
        after = cpu(self.processes)
        if came["offers"] != sent["count"] or sent["failed"]:
            lost = f"{sent['count']} sent, {came['offers']} arrived, refused: {sent['failed']}"
            raise Failure(f"bench: the bare pipeline does not deliver, so there is no floor ({lost})")
        return {
            "per_second": sent["per_second"],
            "p50_ms": sent["p50_ms"],
            "p99_ms": sent["p99_ms"],
            **before.until(after, sent["count"]),
        }

    async def paced(self, count: int, rate: float) -> list[float]:
        """What a caller feels: seconds from sending TransferCase until the partner's process has it, each."""
        await self._gateway.ask("fetch", batch=1)
        names = [f"{CASE[:-8]}{self._numbers + number:08d}" for number in range(count)]
        self._numbers += count
        return await delivered(self.operator, self.partner, names, rate)


async def delivered(operator: Hand, partner: Hand, names: list[str], rate: float) -> list[float]:
    """Seconds from request to partner for each case that arrived; the clock is the machine's."""
    await partner.ask("clear")
    sent = (await operator.ask("transfers_at", names=names, rate=rate))["sent"]
    await partner.ask("until", count=len(names), seconds=_ARRIVE_SECONDS)
    arrived = (await partner.ask("told"))["arrived"]
    return [arrived[name] - sent[name] for name in names if name in arrived and name in sent]


def latency(seconds: list[float], sent: int) -> Figures:
    """Quantiles, and how many never arrived."""
    return {**times(seconds), "missing": sent - len(seconds)}
