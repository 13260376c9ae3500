"""People and bodies who use a real mesh over gRPC: desks, partners, and what they wait for.

Nothing here knows the inside of the mesh: only its contract. Waiting is always for a condition, with a
deadline, never for a length of time.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import grpc
from google.rpc import error_details_pb2

from callmesh import partner as sdk
from callmesh.api.v1 import case_pb2, referral_pb2, report_pb2
from callmesh.api.v1 import classification_service_pb2 as cls
from callmesh.api.v1 import gateway_service_pb2 as gw
from callmesh.api.v1 import intake_service_pb2 as intake
from callmesh.api.v1 import supervision_service_pb2 as sup
from callmesh.api.v1 import tracking_service_pb2 as trk
from callmesh.api.v1 import transfer_service_pb2 as tra
from callmesh.kernel.rpc.client import detail, identity, reason_of, sentence, status_details
from callmesh.kernel.rpc.clients import Clients
from callmesh.partner.wire import Wire
from support.waiting import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
CITY = ROOT / "deploy" / "city"
CALL_SECONDS = 30.0
State = case_pb2.Case.State
RState = referral_pb2.Referral.State
Role = referral_pb2.Referral.Role
Kind = gw.Delivery.Kind
T = TypeVar("T")
_PASSING = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED}


def request_id() -> str:
    """A fresh one."""
    return uuid.uuid4().hex


def city_with(folder: Path, limits: Mapping[str, tuple[str, str, str]]) -> Path:
    """The demo city with other limits (accept, feedback, resolve) for some profiles."""
    shutil.copytree(CITY, folder, dirs_exist_ok=True)
    lines, profile = [], ""
    for line in (CITY / "limits.toml").read_text().splitlines():
        if line.startswith("id ="):
            profile = line.split('"')[1]
        for place, name in enumerate(("accept", "feedback", "resolve")):
            if profile in limits and line.startswith(f"{name} ="):
                line = f'{name} = "{limits[profile][place]}"'
        lines.append(line)
    (folder / "limits.toml").write_text("\n".join(lines) + "\n")
    return folder


async def patiently(call: Callable[[], Awaitable[T]], seconds: float = 60.0) -> T:
    """Repeats a call, the same request, while the mesh is out of reach."""
    end = time.monotonic() + seconds
    while True:
        try:
            return await call()
        except grpc.aio.AioRpcError as wrong:
            if wrong.code() not in _PASSING or time.monotonic() > end:
                raise
            await asyncio.sleep(0.05)


class Refusal:
    """What `refused` caught, for a closer look."""

    error: grpc.aio.AioRpcError

    @property
    def zh(self) -> str:
        """The sentence for the operator."""
        return sentence(self.error)

    @property
    def state(self) -> str:
        """State that PreconditionFailure names."""
        failure = detail(status_details(self.error), error_details_pb2.PreconditionFailure)
        return failure.violations[0].subject if failure else ""


@contextlib.contextmanager
def refused(code: grpc.StatusCode, reason: str) -> Iterator[Refusal]:
    """The block must be refused with this code and reason, and a zh-CN sentence."""
    found = Refusal()
    try:
        yield found
    except grpc.aio.AioRpcError as error:
        found.error = error
        assert (error.code(), reason_of(error)) == (code, reason), error
        assert any("\u4e00" <= one <= "\u9fff" for one in found.zh), f"no zh-CN sentence: {found.zh!r}"
        return
    raise AssertionError(f"not refused; expected {code.name} {reason}")


class Desk:
    """An operator at an agency. Every method is one RPC and answers with the case after it.

    Tracking follows the log. A desk that reads a case asks for no less than what any desk here was last answered about
    it (`latest`): what a test holds of a case may be older than what it did to it.
    """

    latest: ClassVar[dict[str, int]] = {}

    def __init__(self, clients: Clients, agency: str, role: str = "operator", *, retry: bool = False) -> None:
        self.clients, self.agency = clients, agency
        self._me = identity(agency, f"{agency}-007", role)
        self._retry = retry
        self.done: list[str] = []

    async def call(self, method: Callable[..., Any], request: Any) -> Any:
        """One RPC; patient if the desk is. An acknowledged command's id is noted in `done`."""

        async def once() -> Any:
            return await method(request, metadata=self._me, timeout=CALL_SECONDS)

        answer = await (patiently(once) if self._retry else once())
        if isinstance(answer, case_pb2.Case):
            self.latest[answer.name] = max(int(answer.etag or 0), self.latest.get(answer.name, 0))
        if getattr(request, "request_id", ""):
            named = answer.name if isinstance(answer, case_pb2.Case) else request.name
            self.done.append(f"{named.split('/')[1]}:{self.agency}:{request.request_id}")
        return answer

    async def open(self, narrative: str = "", *, rid: str = "", **more: Any) -> case_pb2.Case:
        report = more.pop("report", None) or report_pb2.Report(narrative=narrative)
        request = intake.OpenCaseRequest(request_id=rid or request_id(), report=report, **more)
        return await self.call(self.clients.intake.OpenCase, request)

    async def amend(self, case: case_pb2.Case, text: str, **more: Any) -> case_pb2.Case:
        request = intake.AmendCaseRequest(request_id=request_id(), name=case.name, text=text, **more)
        return await self.call(self.clients.intake.AmendCase, request)

    async def classify(self, case: case_pb2.Case, category: str = "", **more: Any) -> case_pb2.Case:
        more.setdefault("reason", "接警员核实")
        request = cls.ClassifyCaseRequest(request_id=request_id(), name=case.name, category=category, **more)
        return await self.call(self.clients.classification.ClassifyCase, request)

    async def transfer(self, case: case_pb2.Case, *, rid: str = "", **more: Any) -> case_pb2.Case:
        request = tra.TransferCaseRequest(request_id=rid or request_id(), name=case.name, **more)
        return await self.call(self.clients.transfer.TransferCase, request)

    async def offered(self, narrative: str, category: str, **more: Any) -> case_pb2.Case:
        """Open, classify, one key."""
        case = await self.open(narrative, **more)
        return await self.transfer(await self.classify(case, category))

    async def decide(self, referral: str, granted: bool, agency: str = "") -> case_pb2.Case:
        request = tra.DecideReturnRequest(
            request_id=request_id(), name=referral, granted=granted, agency=agency, reason="调度员审批"
        )
        return await self.call(self.clients.transfer.DecideReturn, request)

    async def recall(self, referral: str) -> case_pb2.Case:
        request = tra.RecallReferralRequest(request_id=request_id(), name=referral, reason="派错单位")
        return await self.call(self.clients.transfer.RecallReferral, request)

    async def waive(self, referral: str) -> case_pb2.Case:
        request = tra.WaiveReferralRequest(request_id=request_id(), name=referral, reason="无需到场")
        return await self.call(self.clients.transfer.WaiveReferral, request)

    async def follow_up(self, case: case_pb2.Case, solved: bool = True, satisfied: int = 5) -> case_pb2.Case:
        said = case_pb2.FollowUp(reached=True, contacted=True, solved=solved, satisfied=satisfied)
        request = sup.RecordFollowUpRequest(request_id=request_id(), name=case.name, follow_up=said)
        return await self.call(self.clients.supervision.RecordFollowUp, request)

    async def close(self, case: case_pb2.Case, waiver: str = "") -> case_pb2.Case:
        request = sup.CloseCaseRequest(request_id=request_id(), name=case.name, waiver=waiver)
        return await self.call(self.clients.supervision.CloseCase, request)

    async def reopen(self, case: case_pb2.Case, reason: str = "诉求人不满意") -> case_pb2.Case:
        request = sup.ReopenCaseRequest(request_id=request_id(), name=case.name, reason=reason)
        return await self.call(self.clients.supervision.ReopenCase, request)

    async def get(self, case: case_pb2.Case, min_etag: str = "") -> case_pb2.Case:
        known = max(int(case.etag or 0), self.latest.get(case.name, 0))
        request = trk.GetCaseRequest(name=case.name, min_etag=min_etag or str(known))
        return await self.call(self.clients.tracking.GetCase, request)

    async def events(self, case: case_pb2.Case) -> list[trk.CaseEvent]:
        """All events of a case as tracking tells them, up to what a desk knows of it."""
        await self.get(case)
        request = trk.ListCaseEventsRequest(parent=case.name, page_size=500)
        return list((await self.call(self.clients.tracking.ListCaseEvents, request)).events)

    async def timeline(self, case: case_pb2.Case) -> trk.Timeline:
        return await self.call(self.clients.tracking.GetTimeline, trk.GetTimelineRequest(name=case.name))

    async def listed(self, **which: Any) -> set[str]:
        """Names of the cases that this filter finds."""
        request = trk.ListCasesRequest(filter=trk.CaseFilter(**which), page_size=500)
        return {one.name for one in (await self.call(self.clients.tracking.ListCases, request)).cases}

    async def figure(self, name: str, last: case_pb2.Case, **window: Any) -> trk.Figure:
        """A figure of the city, once tracking has seen `last`."""
        await self.get(last)
        request = trk.GetFiguresRequest(ids=[name], **window)
        found = (await self.call(self.clients.tracking.GetFigures, request)).figures
        assert len(found) == 1, found
        return found[0]

    async def until(
        self, case: case_pb2.Case, fits: Callable[[case_pb2.Case], bool], what: str, seconds: float = PATIENCE
    ) -> case_pb2.Case:
        """Watches the case until it fits, by WatchCases; what was before the watch is read once. A watch that could not
        keep up is begun anew, as the contract says."""
        seen = case
        try:
            async with asyncio.timeout(seconds):
                while True:
                    try:
                        async for seen in self._versions(case):
                            if fits(seen):
                                return seen
                    except grpc.aio.AioRpcError as wrong:
                        if wrong.code() != grpc.StatusCode.RESOURCE_EXHAUSTED:
                            raise
        except TimeoutError:
            raise AssertionError(f"not within {seconds:.0f} s: {what}; the case is {seen}") from None

    async def _versions(self, case: case_pb2.Case) -> AsyncIterator[case_pb2.Case]:
        """The case as it is when the watch has begun, and each later version."""
        call = self.clients.tracking.WatchCases(trk.WatchCasesRequest(), metadata=self._me)
        seen = case
        try:
            async for change in call:
                if not change.HasField("case"):  # the watch has begun: nothing after this is missed
                    seen = await self.get(case)
                    yield seen
                elif change.case.name == case.name and int(change.case.etag) > int(seen.etag):
                    seen = change.case
                    yield seen
        finally:
            call.cancel()
        raise AssertionError("the watch ended")


class Tap(Wire):
    """Sees every delivery that comes down the wire, repeats too, before the client does."""

    def __init__(self, stub: Any, seen: Callable[[gw.Delivery], None]) -> None:
        super().__init__(stub)
        self._seen = seen

    def down(self, message: gw.ReceiveReferralsResponse) -> gw.ReceiveReferralsResponse:
        for one in message.deliveries:
            self._seen(one)
        return message


class Partner:
    """An agency's machine on the one stream, through the partner's own client. Enter it to connect.

    It receipts what it gets (unless told not to: then its handlers wait for `receipt`) and keeps everything it got,
    repeats too, in `deliveries`.
    """

    def __init__(self, clients: Clients, agency: str, *, receipts: bool = True, room: int = 64) -> None:
        self.clients, self.agency, self._receipts = clients, agency, receipts
        self.deliveries: list[gw.Delivery] = []
        self.done: list[str] = []
        self.on_delivery: Callable[[gw.Delivery], None] = lambda _: None
        self._stored: dict[str, asyncio.Event] = {}
        self._changed = asyncio.Condition()
        self._tap = Tap(clients.gateway, self._arrived)
        self.client = sdk.Partner(
            "",
            agency,
            person=f"{agency}-1",
            max_in_flight=room,
            patience=90,
            grace=0.2 if receipts else 0,
            gateway=self._tap,
        )
        self.client.on_news(self._store)

    async def __aenter__(self) -> Partner:
        async with asyncio.timeout(PATIENCE):
            await self.client.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.__aexit__()

    @property
    def connections(self) -> int:
        """Streams that were opened so far."""
        return self.client.health.connections

    def cut(self) -> None:
        """The line breaks, without a word."""
        self._tap.call.cancel()

    # what came

    def _arrived(self, delivery: gw.Delivery) -> None:
        self.deliveries.append(delivery)
        self.on_delivery(delivery)
        self.client.start(self._tell())

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _store(self, delivery: sdk.Delivery) -> None:
        if not self._receipts:
            await self._stored.setdefault(delivery.id, asyncio.Event()).wait()

    def receipt(self, delivery: gw.Delivery) -> None:
        """The machine has stored it."""
        self._stored.setdefault(delivery.delivery_id, asyncio.Event()).set()

    async def got(self, fits: Callable[[gw.Delivery], bool], what: str, seconds: float = PATIENCE) -> gw.Delivery:
        """The first delivery that fits, now or later."""

        def first() -> gw.Delivery | None:
            return next((one for one in self.deliveries if fits(one)), None)

        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(lambda: first() is not None)
        except TimeoutError:
            raise AssertionError(f"{self.agency} did not get within {seconds:.0f} s: {what}") from None
        found = first()
        assert found is not None
        return found

    async def told(self, case: case_pb2.Case, kind: Any = Kind.OFFERED, seconds: float = PATIENCE) -> gw.Delivery:
        """The first delivery of this kind about a case."""
        what = f"{Kind.Name(kind)} about {case.name}"
        return await self.got(lambda one: one.kind == kind and one.case.name == case.name, what, seconds)

    def about(self, case: case_pb2.Case, kind: Any = None) -> list[gw.Delivery]:
        """Everything it got about a case so far."""
        return [one for one in self.deliveries if one.case.name == case.name and kind in (None, one.kind)]

    # what it does

    async def accept(self, referral: str, handler: str = "h1") -> Any:
        return await self._did(self._of(referral).accept, handler, "一组")

    async def progress(self, referral: str, text: str = "已到场", arrived: bool = True) -> Any:
        return await self._did(self._of(referral).progress, text, arrived=arrived)

    async def give_back(self, referral: str, reason: str = "not_our_duty") -> Any:
        return await self._did(self._of(referral).give_back, reason, "三定方案第二条")

    async def resolve(self, referral: str, result: str = "已修复", reply: str = "已恢复") -> Any:
        return await self._did(self._of(referral).resolve, result, reply)

    async def work(self, case: case_pb2.Case) -> Any:
        """Takes the case's referral from offer to result."""
        name = (await self.told(case)).referral.name
        await self.accept(name)
        await self.progress(name)
        return await self.resolve(name)

    async def act(self, action: gw.Action) -> Any:
        """An action as it stands; the referral after it."""
        action.request_id = action.request_id or request_id()
        return await self._noted(action.request_id, self.client.act(action))

    def _of(self, referral: str) -> sdk.Actions:
        return self.client.referral(referral)

    async def _did(self, action: Callable[..., Awaitable[Any]], *said: Any, **more: Any) -> Any:
        rid = request_id()
        return await self._noted(rid, action(*said, request_id=rid, **more))

    async def _noted(self, rid: str, work: Awaitable[Any]) -> Any:
        referral = await work
        self.done.append(f"{referral.name.split('/')[1]}:{self.agency}:{rid}")
        return referral


@contextlib.asynccontextmanager
async def partners(clients: Clients, *agencies: str) -> AsyncIterator[dict[str, Partner]]:
    """Several agencies at once."""
    async with contextlib.AsyncExitStack() as stack:
        made = [Partner(clients, one) for one in agencies]
        await asyncio.gather(*(stack.enter_async_context(one) for one in made))
        yield {one.agency: one for one in made}


def referral_of(case: case_pb2.Case, agency: str) -> Any:
    """The agency's last referral of the case."""
    return [one for one in case.referrals if one.agency == agency][-1]
