"""A partner played by a machine: it works referrals as people would, and makes the mistakes it is told to.

    async with SimulatedPartner("127.0.0.1:7404", "water", plan=FaultPlan(seed=7, faults=[Fault.NO_RECEIPT])): ...

A referral's way here: stored in `_book` when it comes, then taken by a person after a moment (`pace` seconds at most,
by the plan's seed), reported on, resolved; a lead that is told that support is open waits for SUPPORT_DONE. Recalled,
waived or returned: the person stops. Suspended: stops until it is resumed. Sent back, denied or designated: goes on.
What is later decides: news that are overtaken by newer ones change nothing.

Faults of wording and transport are made by `faulty.FaultyWire`; those of judgement are made here. `tell` is given one
line for everything that happens, without anything personal.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from callmesh.api.v1 import common_pb2
from callmesh.api.v1.gateway_service_pb2_grpc import GatewayServiceStub
from callmesh.kernel.rpc import client
from callmesh.kernel.rpc.secure import Wallet
from callmesh.kernel.rpc.tls import TlsFiles
from callmesh.partner.client import Partner
from callmesh.partner.delivery import Delivery, Kind
from callmesh.partner.errors import PartnerError, Refused, WrongState
from callmesh.partner.faults import Fault, FaultPlan
from callmesh.partner.faulty import FaultyWire
from callmesh.partner.patience import PAUSES

F = Fault
TRUST_SECONDS = 0.3
"""How often who trusts everybody looks what certificate is shown."""
STORE_SECONDS = 0.3
"""How long storing takes for who receipts too early."""
_ENDS = {Kind.RECALLED, Kind.WAIVED, Kind.RETURN_GRANTED, Kind.CLOSED}
_GOES_ON = {Kind.RETURN_DENIED, Kind.SENT_BACK, Kind.DESIGNATED}
_KNOWN_CODE = re.compile("[a-z_]*")
_URGENT = {common_pb2.LEVEL_P0, common_pb2.LEVEL_P1}
Tell = Callable[[str, str, str], None]


def _silence(what: str, name: str, more: str) -> None:
    """Nobody listens."""


@dataclass(eq=False)
class _Page:
    """What the partner knows of one referral."""

    work: asyncio.Task[None] | None = None
    accepted: bool = False
    ended: bool = False
    support_done: asyncio.Event = field(default_factory=asyncio.Event)
    running: asyncio.Event = field(default_factory=asyncio.Event)


class SimulatedPartner:
    """One agency. `tell(what, referral, more)` hears what it does; `done` counts what it resolved."""

    def __init__(
        self,
        address: str,
        agency: str,
        *,
        identity: TlsFiles | Wallet | None = None,
        plan: FaultPlan | None = None,
        pace: float = 0.2,
        max_in_flight: int = 64,
        patience: float = 60.0,
        poll: float = 0.0,
        tell: Tell = _silence,
    ) -> None:
        self.agency, self.plan, self._tell, self._pace = agency, plan or FaultPlan(), tell, pace
        self._random = self.plan.random(f"pace/{agency}")
        self._book: dict[str, _Page] = {}
        self.done = 0
        self._trusting: asyncio.Future[None] | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="callmesh-partner-")
        files = identity.files(agency) if isinstance(identity, Wallet) else identity
        if files is not None and self.plan.has(F.ANY_CERTIFICATE):
            files = self._own_copy(files)
            self._trusting = asyncio.ensure_future(self._trust_what_is_shown(address))
        self._channel = client.channel(address, files, retries=False)
        pauses = (0.0, 0.0) if self.plan.has(F.RECONNECT_STORM) else PAUSES
        self.partner = Partner(
            address,
            agency,
            person=f"{agency}-01",
            max_in_flight=max_in_flight,
            patience=patience,
            grace=1.0,
            pauses=pauses,
            poll=poll,
            gateway=FaultyWire(GatewayServiceStub(self._channel), self.plan),
        )
        self.partner.on_news(self._came)

    async def __aenter__(self) -> SimulatedPartner:
        try:
            await self.partner.__aenter__()
        except BaseException:
            await self._close()
            raise
        health = self.partner.health
        self._tell("connected", "", f"{health.waiting} waiting")
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self.partner.__aexit__()
        finally:
            await self._close()

    async def _close(self) -> None:
        if self._trusting is not None:
            self._trusting.cancel()
            await asyncio.gather(self._trusting, return_exceptions=True)
        try:
            await self._channel.close()
        finally:
            self._folder.cleanup()

    # what comes

    async def _came(self, delivery: Delivery) -> None:
        code = delivery.case.classification.category
        role = "主办" if delivery.leads else "协办"
        again = f", attempt {delivery.attempt}" if delivery.attempt > 1 else ""
        self._tell(delivery.kind_name, delivery.name, f"{code or 'no category'}, {role}{again}")
        if self.plan.strikes(F.RECEIPT_IS_ACCEPTANCE):
            self.partner.start(self._do(delivery, "accept", delivery.accept("system")))
        if self.plan.has(F.EARLY_RECEIPT) and not await self._stored():
            return
        self._read(delivery)

    async def _stored(self) -> bool:
        """Storing takes its time; whether the connection stood so long."""
        before = self.partner.health.connections
        await asyncio.sleep(STORE_SECONDS)
        health = self.partner.health
        return health.connected and health.connections == before

    def _read(self, delivery: Delivery) -> None:
        page = self._book.setdefault(delivery.name, _Page())
        believed = not delivery.late or self.plan.strikes(F.STALE_NEWS_WINS)
        kind = delivery.kind
        if kind == Kind.OFFERED or kind in _GOES_ON:
            self._begin(page, delivery, believed)
        elif kind == Kind.SUPPORT_DONE:
            page.support_done.set()
        elif not believed:
            return
        elif kind in _ENDS and not self.plan.strikes(F.IGNORES_RECALL):
            self._end(page)
        elif kind == Kind.SUSPENDED and not self.plan.strikes(F.WORKS_PAUSED):
            page.running.clear()
        elif kind == Kind.RESUMED:
            page.running.set()
        elif kind == Kind.REMINDED and not page.accepted and self.plan.strikes(F.GIVES_UP_LATE):
            self._end(page)

    def _begin(self, page: _Page, delivery: Delivery, believed: bool) -> None:
        code = delivery.case.classification.category
        if not _KNOWN_CODE.fullmatch(code) and self.plan.strikes(F.UNKNOWN_CODE_REFUSED):
            return
        if page.ended and not believed:
            return
        at_it = page.work is not None and not page.work.done()
        if at_it and not self.plan.strikes(F.NOT_DEDUPLICATED):
            return
        offered_again = page.work is not None and delivery.kind == Kind.OFFERED
        if offered_again and not self.plan.strikes(F.NOT_DEDUPLICATED) and not page.ended:
            return
        page.ended = False
        page.running.set()
        page.work = self.partner.start(self._work(page, delivery))

    def _end(self, page: _Page) -> None:
        page.ended = True
        if page.work is not None:
            page.work.cancel()

    # what people do

    async def _work(self, page: _Page, delivery: Delivery) -> None:
        urgent = delivery.case.emergency or delivery.case.classification.level in _URGENT
        said = "已到达现场, 正在处置" if urgent else "已联系来电人, 正在办理"
        if not self.plan.strikes(F.RESOLVES_UNACCEPTED):
            if not await self._do(delivery, "accept", delivery.accept(f"{self.agency}-01", "值班室"), page):
                return
            page.accepted = True
            if not await self._do(delivery, "progress", delivery.progress(said, arrived=urgent), page):
                return
        if await self._resolved(page, delivery) or self.plan.has(F.FORGETS_SUPPORT):
            return
        await page.support_done.wait()
        await self._resolved(page, delivery)

    async def _resolved(self, page: _Page, delivery: Delivery) -> bool:
        """False when this lead has to wait for its support."""
        result = "现场处置完毕" if delivery.leads else "协办事项已完成"
        reply = "您反映的事项已办理完毕, 感谢您的来电。" if delivery.leads else ""
        await self._moment(page)
        try:
            await delivery.resolve(result, reply)
        except WrongState as wrong:
            self._tell("resolve", delivery.name, f"refused: {wrong.english}")
            return wrong.state != "support_open"
        except PartnerError as wrong:
            self._tell("resolve", delivery.name, _why(wrong))
            return True
        self.done += 1
        self._tell("resolve", delivery.name, "ok")
        return True

    async def _do(self, delivery: Delivery, step: str, action: Any, page: _Page | None = None) -> bool:
        with contextlib.closing(action):
            await self._moment(page)
            try:
                await action
            except PartnerError as wrong:
                self._tell(step, delivery.name, _why(wrong))
                return False
        self._tell(step, delivery.name, "ok")
        return True

    async def _moment(self, page: _Page | None) -> None:
        """A person needs one, and waits while the referral is suspended."""
        await asyncio.sleep(self._random.random() * self._pace)
        if page is not None:
            await page.running.wait()

    def _own_copy(self, files: TlsFiles) -> TlsFiles:
        """The same certificate with a list of authorities of our own, to which others can be added."""
        self._trusted = Path(self._folder.name) / "trusted.pem"
        self._trusted.write_bytes(Path(files.ca).read_bytes())
        return TlsFiles(files.cert, files.key, str(self._trusted))

    async def _trust_what_is_shown(self, address: str) -> None:
        """For ever: whatever certificate the server shows becomes an authority."""
        host, _, port = address.rpartition(":")
        while True:
            with contextlib.suppress(OSError):
                shown = await asyncio.to_thread(ssl.get_server_certificate, (host, int(port)), timeout=5)
                if shown not in self._trusted.read_text():
                    self._trusted.write_text(self._trusted.read_text() + shown)
            await asyncio.sleep(TRUST_SECONDS)


def _why(wrong: PartnerError) -> str:
    return f"refused: {wrong.english} ({wrong.reason})" if isinstance(wrong, Refused) else str(wrong)
