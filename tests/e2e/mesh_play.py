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
from typing import Any, TypeVar

import grpc
from google.rpc import code_pb2, error_details_pb2

from callmesh.api.v1 import case_pb2, referral_pb2, report_pb2
from callmesh.api.v1 import classification_service_pb2 as cls
from callmesh.api.v1 import gateway_service_pb2 as gw
from callmesh.api.v1 import intake_service_pb2 as intake
from callmesh.api.v1 import supervision_service_pb2 as sup
from callmesh.api.v1 import tracking_service_pb2 as trk
from callmesh.api.v1 import transfer_service_pb2 as tra
from callmesh.cli.clients import Clients
from callmesh.kernel.rpc.client import detail, identity, reason_of, sentence, status_details

ROOT = Path(__file__).resolve().parents[2]
CITY = ROOT / "deploy" / "city"
CALL_SECONDS = 10.0
WAIT_SECONDS = 15.0
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


async def until(probe: Callable[[], Awaitable[T]], what: str, seconds: float = WAIT_SECONDS) -> T:
    """The probe's first truthy answer; fails with `what` when none comes in time."""
    end = time.monotonic() + seconds
    while True:
        found = await probe()
        if found:
            return found
        assert time.monotonic() < end, f"not within {seconds:.0f} s: {what}"
        await asyncio.sleep(0.02)


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
    """An operator at an agency. Every method is one RPC and answers with the case after it."""

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
        if getattr(request, "request_id", ""):
            named = answer.name if isinstance(answer, case_pb2.Case) else request.name
            self.done.append(f"{named.split('/')[1]}:{self.agency}:{request.request_id}")
        return answer

    async def open(self, narrative: str = "", *, rid: str = "", **more: Any) -> case_pb2.Case:
        report = more.pop("report", None) or report_pb2.Report(narrative=narrative)
        request = intake.OpenCaseRequest(request_id=rid or request_id(), report=report, **more)
        return await self.call(self.clients.intake.OpenCase, request)

    async def amend(self, case: case_pb2.Case, text: str) -> case_pb2.Case:
        request = intake.AmendCaseRequest(request_id=request_id(), name=case.name, text=text)
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
        request = trk.GetCaseRequest(name=case.name, min_etag=min_etag or case.etag)
        return await self.call(self.clients.tracking.GetCase, request)

    async def events(self, case: case_pb2.Case) -> list[trk.CaseEvent]:
        """All events of a case as tracking tells them, up to the case's etag."""
        await self.get(case)
        request = trk.ListCaseEventsRequest(parent=case.name, page_size=500)
        return list((await self.call(self.clients.tracking.ListCaseEvents, request)).events)

    async def timeline(self, case: case_pb2.Case) -> trk.Timeline:
        return await self.call(self.clients.tracking.GetTimeline, trk.GetTimelineRequest(name=case.name))

    async def figure(self, name: str, last: case_pb2.Case, **window: Any) -> trk.Figure:
        """A figure of the city, once tracking has seen `last`."""
        await self.get(last)
        request = trk.GetFiguresRequest(ids=[name], **window)
        found = (await self.call(self.clients.tracking.GetFigures, request)).figures
        assert len(found) == 1, found
        return found[0]

    async def until(
        self, case: case_pb2.Case, fits: Callable[[case_pb2.Case], bool], what: str, seconds: float = WAIT_SECONDS
    ) -> case_pb2.Case:
        """Watches the case until it fits, by WatchCases; what was before the watch is read once."""
        call = self.clients.tracking.WatchCases(trk.WatchCasesRequest(), metadata=self._me)
        seen = case
        try:
            async with asyncio.timeout(seconds):
                async for change in call:
                    named = change.HasField("case")
                    if not named:  # the watch has begun: nothing after this is missed
                        seen = await self.get(case)
                    elif change.case.name == case.name and int(change.case.etag) > int(seen.etag):
                        seen = change.case
                    if fits(seen):
                        return seen
        except TimeoutError:
            raise AssertionError(f"not within {seconds:.0f} s: {what}; the case is {seen}") from None
        finally:
            call.cancel()
        raise AssertionError("the watch ended")


class ActionRefused(Exception):
    """An outcome on the stream that is not OK."""

    def __init__(self, status: Any) -> None:
        info = detail(status, error_details_pb2.ErrorInfo)
        failure = detail(status, error_details_pb2.PreconditionFailure)
        self.code = code_pb2.Code.Name(status.code)
        self.reason = info.reason if info else ""
        self.state = failure.violations[0].subject if failure else ""
        local = detail(status, error_details_pb2.LocalizedMessage)
        self.zh = local.message if local else ""
        super().__init__(f"{self.code} {self.reason} {self.state} {status.message}")


class Partner:
    """An agency's machine on the one stream. Enter it to connect; it comes back by itself when the stream breaks.

    It receipts what it gets (unless told not to) and keeps everything it got, repeats too, in `deliveries`.
    Actions without an answer are sent again, the same request, after a break.
    """

    def __init__(self, clients: Clients, agency: str, *, receipts: bool = True, room: int = 64) -> None:
        self.clients, self.agency, self._receipts, self._room = clients, agency, receipts, room
        self.deliveries: list[gw.Delivery] = []
        self.done: list[str] = []
        self.connections = 0
        self.on_delivery: Callable[[gw.Delivery], None] = lambda _: None
        self._changed = asyncio.Condition()
        self._waiting: dict[str, tuple[gw.Action, asyncio.Future[Any]]] = {}
        self._out: asyncio.Queue[gw.ReceiveReferralsRequest | None] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._call: Any = None
        self._welcome = asyncio.Event()

    async def __aenter__(self) -> Partner:
        self._task = asyncio.create_task(self._run(), name=f"partner {self.agency}")
        async with asyncio.timeout(WAIT_SECONDS):
            await self._welcome.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    # what came

    async def got(self, fits: Callable[[gw.Delivery], bool], what: str, seconds: float = WAIT_SECONDS) -> gw.Delivery:
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

    async def told(self, case: case_pb2.Case, kind: Any = Kind.OFFERED, seconds: float = WAIT_SECONDS) -> gw.Delivery:
        """The first delivery of this kind about a case."""
        what = f"{Kind.Name(kind)} about {case.name}"
        return await self.got(lambda one: one.kind == kind and one.case.name == case.name, what, seconds)

    def about(self, case: case_pb2.Case, kind: Any = None) -> list[gw.Delivery]:
        """Everything it got about a case so far."""
        return [one for one in self.deliveries if one.case.name == case.name and kind in (None, one.kind)]

    # what it does

    async def accept(self, referral: str, handler: str = "h1") -> Any:
        return await self.act(gw.Action(accept=gw.AcceptReferralRequest(name=referral, handler=handler, unit="一组")))

    async def progress(self, referral: str, text: str = "已到场", arrived: bool = True) -> Any:
        return await self.act(gw.Action(progress=gw.ReportProgressRequest(name=referral, text=text, arrived=arrived)))

    async def give_back(self, referral: str, reason: str = "not_our_duty") -> Any:
        request = gw.ReturnReferralRequest(name=referral, reason=reason, basis="三定方案第二条")
        return await self.act(gw.Action(return_referral=request))

    async def resolve(self, referral: str, result: str = "已修复", reply: str = "已恢复") -> Any:
        request = gw.ResolveReferralRequest(name=referral, result=result, public_reply=reply)
        return await self.act(gw.Action(resolve=request))

    async def work(self, case: case_pb2.Case) -> Any:
        """Takes the case's referral from offer to result."""
        name = (await self.told(case)).referral.name
        await self.accept(name)
        await self.progress(name)
        return await self.resolve(name)

    def receipt(self, delivery: gw.Delivery) -> None:
        """The machine has it."""
        request = gw.AcknowledgeReferralRequest(name=delivery.referral.name, delivery_id=delivery.delivery_id)
        self._out.put_nowait(gw.ReceiveReferralsRequest(actions=[gw.Action(acknowledge=request)]))

    async def act(self, action: gw.Action) -> Any:
        """One action; the referral after it, or ActionRefused."""
        action.request_id = action.request_id or request_id()
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[action.request_id] = action, future
        self._out.put_nowait(gw.ReceiveReferralsRequest(actions=[action]))
        try:
            async with asyncio.timeout(90):
                outcome = await future
        finally:
            del self._waiting[action.request_id]
        if outcome.status.code:
            raise ActionRefused(outcome.status)
        case_id = outcome.referral.name.split("/")[1]
        self.done.append(f"{case_id}:{self.agency}:{action.request_id}")
        return outcome.referral

    def cut(self) -> None:
        """The line breaks, without a word."""
        self._call.cancel()

    # the stream

    async def _run(self) -> None:
        while True:
            self._welcome.clear()
            self._out = asyncio.Queue()
            self._call = self.clients.gateway.ReceiveReferrals(metadata=identity(self.agency, "machine"))
            writing = asyncio.create_task(self._write(self._call))
            try:
                while (message := await self._call.read()) is not grpc.aio.EOF:
                    await self._take(message)
            except grpc.aio.AioRpcError as wrong:
                if wrong.code() not in _PASSING:
                    raise
            except asyncio.CancelledError:
                if asyncio.current_task().cancelling():  # type: ignore[union-attr]
                    raise  # we are to end; else only the line was cut
            finally:
                writing.cancel()
                await asyncio.gather(writing, return_exceptions=True)
                self._call.cancel()
            await asyncio.sleep(0.05)

    async def _write(self, call: Any) -> None:
        await call.write(gw.ReceiveReferralsRequest(hello=gw.Hello(max_in_flight=self._room)))
        for action, _ in list(self._waiting.values()):
            await call.write(gw.ReceiveReferralsRequest(actions=[action]))
        while True:
            await call.write(await self._out.get())

    async def _take(self, message: gw.ReceiveReferralsResponse) -> None:
        if message.HasField("welcome"):
            assert message.welcome.agency == self.agency
            self.connections += 1
            self._welcome.set()
        for outcome in message.outcomes:
            await self._settle(outcome)
        async with self._changed:
            self.deliveries.extend(message.deliveries)
            self._changed.notify_all()
        for one in message.deliveries:
            if self._receipts:
                self.receipt(one)
            self.on_delivery(one)

    async def _settle(self, outcome: gw.Outcome) -> None:
        waiting = self._waiting.get(outcome.request_id)
        if waiting is None or waiting[1].done():
            return
        if outcome.status.code == code_pb2.UNAVAILABLE:  # the log is away: the same again
            asyncio.get_running_loop().call_later(
                0.1, self._out.put_nowait, gw.ReceiveReferralsRequest(actions=[waiting[0]])
            )
            return
        waiting[1].set_result(outcome)


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
