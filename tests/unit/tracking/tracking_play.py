"""Plays cases through the real `handle` on the in-memory log, and hands the log out again."""

from __future__ import annotations

import multiprocessing
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from multiprocessing.context import SpawnProcess

from nats.aio.client import Client
from nats.aio.msg import Msg

from callmesh.domain import commands as c
from callmesh.domain import facts as f
from callmesh.domain.case import Actor, Classification, FollowUp
from callmesh.domain.directory import Calendar, LimitProfile, Span
from callmesh.domain.report import Caller, ExternalId, Place, Point, Report
from callmesh.domain.words import ActorKind, Level, Limit, Mode, Role, Verdict
from callmesh.kernel.ids import case_id, keyed_hash
from callmesh.ledger.handle import handle
from callmesh.ledger.memory import MemoryLedger
from callmesh.ledger.port import Head, Ledger
from callmesh.tracking.items import Item

STREAM = "LOG_r1_0"
KEY = "development-only"
START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)  # nine o'clock in the city, a Monday
LIMITS = LimitProfile("L2", Span(30, "m"), Span(2, "h"), Span(1, "wd"))
CALENDAR = Calendar()
TRACE = "0af7651916cd43dd8448eb211c80319c"
NARRATIVE = "家里停水了, 我叫张三, 电话 13900001111"


class Play:
    """The log of a shard and the people who write on it. `at` is the time of the next command."""

    def __init__(self, ledger: Ledger | None = None, shard: int = 0) -> None:
        self.ledger: Ledger = ledger or MemoryLedger()
        self.shard = shard
        self.at = START
        self.commands = 0
        self.cases: list[str] = []

    def stamp(self, agency: str, kind: ActorKind = ActorKind.PERSON) -> f.Stamp:
        self.commands += 1
        return f.Stamp(f"c{self.commands}", self.at, Actor(kind, agency, "001", "operator"))

    async def do(self, case: str, command: c.Command, agency: str = "110", after: float = 0.0) -> Head:
        """Carries a command out `after` seconds from the last one."""
        self.at += timedelta(seconds=after)
        return (await handle(self.ledger, case, command, self.stamp(agency))).head

    async def open(
        self,
        number: str = "13900001111",
        *,
        channel: str = "phone",
        origin: str = "110",
        division: str = "990101",
        order: str = "",
        after: float = 1.0,
        narrative: str = NARRATIVE,
        point: tuple[float, float] | None = None,
    ) -> str:
        """`point`: longitude and latitude."""
        case = case_id("r1", self.shard, "play", str(len(self.cases)))
        self.cases.append(case)
        opened = f.CaseOpened(
            f"cases/{case}",
            channel,
            origin,
            Report(Caller(number), narrative, place=Place(point=Point(*point) if point else None)),
            division=division,
            external_ids=(ExternalId("order", order),) if order else (),
            caller_key=keyed_hash(KEY, number),
            city_version="v1",
        )
        await self.do(case, c.Open(opened), origin, after)
        return case

    async def classify(
        self, case: str, category: str = "water_outage", level: Level = Level.P2, by: str = "110"
    ) -> None:
        await self.do(case, c.Classify(Classification(Verdict.ROUTE, level, category)), by, after=1)

    async def transfer(self, case: str, lead: str = "water", *support: str, by: str = "110") -> str:
        """The name of the lead's referral."""
        targets = [c.Target(lead, Role.LEAD, LIMITS, "catalogue")]
        targets += [c.Target(one, Role.SUPPORT, LIMITS, "catalogue") for one in support]
        head = await self.do(case, c.Transfer(tuple(targets), Mode.PUSH, CALENDAR), by, after=1)
        lead_referral = head.case.lead
        assert lead_referral is not None
        return lead_referral.name

    async def work(self, case: str, referral: str, agency: str = "water") -> None:
        """Receipt after 2 s, acceptance after 60 s, arrival after 240 s, done after 600 s."""
        await self.do(case, c.Receive(referral, CALENDAR, Span(2, "wd")), agency, 2)
        await self.do(case, c.Accept(referral, "h1", CALENDAR), agency, 60)
        await self.do(case, c.Progress(referral, "到了", True), agency, 180)
        await self.do(case, c.Resolve(referral, "修好了", "已修复"), agency, 360)

    async def whole(self, number: str = "13900001111", satisfied: int = 5, **opened: str) -> str:
        """A case from report to close: nine facts."""
        case = await self.open(number, **opened)  # type: ignore[arg-type]
        await self.classify(case)
        await self.work(case, await self.transfer(case))
        await self.do(case, c.RecordFollowUp(FollowUp(True, True, satisfied > 2, satisfied)), after=60)
        await self.do(case, c.Close(), after=1)
        return case

    async def returned(self) -> str:
        """A case that the first agency returns after a decision of 300 s, and the second has now."""
        case = await self.open(channel="app", origin="12345", division="990102001", order="W-7")
        await self.classify(case, "gas_smell", by="12345")
        referral = await self.transfer(case, "water", "street", by="12345")
        await self.do(case, c.Receive(referral, CALENDAR, Span(2, "wd")), "water", 2)
        await self.do(case, c.RequestReturn(referral, "not_ours", "制度第三条"), "water", 30)
        target = c.Target("gas", Role.LEAD, LIMITS, "catalogue")
        await self.do(case, c.GrantReturn(referral, "属实", target, CALENDAR), "12345", after=300)
        return case

    async def missed(self) -> str:
        """A case whose agency let the limit for acceptance pass."""
        case = await self.open(channel="web", number="13700000000", division="990201")
        await self.classify(case, "noise", Level.P3)
        referral = await self.transfer(case, "street")
        await self.do(case, c.Receive(referral, CALENDAR, Span(2, "wd")), "street", 2)
        stamp_agency, self.at = "", self.at + timedelta(minutes=31)
        stamp = self.stamp(stamp_agency, ActorKind.TIMER)
        await handle(self.ledger, case, c.MissDeadline(referral, Limit.ACCEPT), stamp)
        return case

    async def items(self) -> list[Item]:
        """The whole log in order."""
        found = []
        for case in dict.fromkeys(self.cases):
            heads = await self.ledger.history(case)
            found += [Item(head.sequence, case, head.data, TRACE) for head in heads]
        return sorted(found, key=lambda one: one.sequence)


class MemorySource:
    """A log that can be told again; `calls` remembers what was asked for."""

    def __init__(self, tell: Callable[[], Sequence[Item]], batch: int = 7, stream: str = STREAM) -> None:
        self.tell, self.batch, self.stream = tell, batch, stream
        self.calls: list[tuple[int, int]] = []

    async def last(self) -> int:
        items = self.tell()
        return items[-1].sequence if items else 0

    async def read(self, after: int, until: int) -> AsyncGenerator[list[Item], None]:
        self.calls.append((after, until))
        wanted = [one for one in self.tell() if after < one.sequence <= until]
        for start in range(0, len(wanted), self.batch):
            yield wanted[start : start + self.batch]


def helpers() -> list[SpawnProcess]:
    """Processes that were started to make rows. (Libraries of other tests start some of their own.)"""
    return [one for one in multiprocessing.active_children() if type(one) is SpawnProcess]


def message(item: Item) -> Msg:
    """The item as nats-py delivers it."""
    region, shard, key = item.case_id.split("-", 2)
    return Msg(
        _client=Client(),
        subject=f"ev.{region}.{shard}.{key}",
        reply=f"$JS.ACK.{STREAM}.tracking.1.{item.sequence}.{item.sequence}.1700000000000000000.0",
        data=item.data,
        headers={"traceparent": f"00-{item.trace_id}-b7ad6b7169203331-01"} if item.trace_id else None,
    )
