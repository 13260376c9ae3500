"""The partner's client over real sockets: a gateway, intake and transfer on a real NATS, with mTLS."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from callmesh.api.v1 import gateway_service_pb2 as pb
from callmesh.api.v1 import report_pb2
from callmesh.api.v1.gateway_service_pb2_grpc import GatewayServiceStub
from callmesh.cli.authority import Authority
from callmesh.cli.clients import ops
from callmesh.cli.mesh import LocalMesh
from callmesh.kernel.rpc import client
from callmesh.kernel.rpc.secure import Wallet
from callmesh.kernel.rpc.tls import TlsFiles
from callmesh.partner import (
    Delivery,
    Invalid,
    Kind,
    NotAdmitted,
    NotFound,
    NotYours,
    Partner,
    RequestIdReused,
    WrongState,
)
from callmesh.partner.wire import Wire
from support.waiting import until, within

CITY = Path(__file__).resolve().parents[2] / "deploy" / "city"
PROCESS = Path(__file__).resolve().parents[1] / "support" / "partner_process.py"
State = pb.Presence.State
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalMesh]:
    services = ("intake", "classification", "transfer", "gateway")
    folder = tmp_path_factory.mktemp("mesh") / "data"
    async with LocalMesh(folder, city=CITY, services=services, tls=True) as running:
        yield running
    assert running.clean


def files(mesh: LocalMesh, agency: str) -> TlsFiles:
    return Wallet(Path(mesh.endpoints.identities)).files(agency)


def a_partner(mesh: LocalMesh, agency: str, **more: Any) -> Partner:
    where = mesh.endpoints
    more.setdefault("identity", files(mesh, agency))
    addresses = {"intake": where.address("intake"), "transfer": where.address("transfer")}
    return Partner(where.address("gateway"), agency, **addresses, **more)


@contextlib.asynccontextmanager
async def desk(mesh: LocalMesh) -> AsyncIterator[Callable[..., Any]]:
    """12345, a partner like any other, that opens cases and hands them on: one action each."""
    hotline = a_partner(mesh, "12345", person="op-1", role="operator")

    @hotline.on_news
    async def ignored(delivery: Delivery) -> None:
        return None

    async def offer(agency: str, text: str = "停水") -> Any:
        case = await hotline.open_case(report_pb2.Report(narrative=text), channel="phone")
        return await hotline.transfer_case(case.name, agency=agency, reason="核实")

    async with hotline:
        yield offer


class Kept:
    """A partner that stores what it gets in a list; storing waits for `may`."""

    def __init__(self, partner: Partner) -> None:
        self.partner = partner
        self.got: list[Delivery] = []
        self.may = asyncio.Event()
        self.may.set()
        partner.on_news(self._store)

    async def _store(self, delivery: Delivery) -> None:
        self.got.append(delivery)
        await self.may.wait()

    async def first(self, case: Any) -> Delivery:
        return await until(lambda: next((one for one in self.got if one.case.name == case.name), None), "the delivery")


async def test_the_same_action_opens_a_case_at_110(mesh: LocalMesh) -> None:
    """12345 -> 110 and 110 -> 12345: a partner opens a case and hands it over, in two calls, with one id."""
    kept = Kept(a_partner(mesh, "110"))
    async with kept.partner, desk(mesh) as offer:
        case = await offer("110", "楼下有人打架")
        delivery = await kept.first(case)
        assert delivery.kind == Kind.OFFERED and delivery.leads and delivery.case.origin == "12345"
        taken = await delivery.accept("p-1")
        assert taken.state == taken.ACCEPTED


class Sent(Wire):
    """Notes the receipts that go up."""

    def __init__(self, stub: Any) -> None:
        super().__init__(stub)
        self.receipts: list[str] = []

    def up(self, message: pb.ReceiveReferralsRequest) -> Iterable[pb.ReceiveReferralsRequest]:
        self.receipts += [one.acknowledge.delivery_id for one in message.actions if one.HasField("acknowledge")]
        return (message,)


async def test_the_receipt_waits_for_the_handler(mesh: LocalMesh) -> None:
    """Nothing is receipted before the handler returned; a receipt is no acceptance."""
    async with client.channel(mesh.endpoints.address("gateway"), files(mesh, "water")) as channel:
        sent = Sent(GatewayServiceStub(channel))
        kept = Kept(a_partner(mesh, "water", gateway=sent))
        kept.may.clear()
        async with kept.partner, desk(mesh) as offer:
            first = await kept.first(await offer("water"))
            with pytest.raises(WrongState) as early:
                await first.progress("在办")  # and back: a receipt would have gone out before it
            assert not sent.receipts and kept.partner.health.in_hand == 1
            kept.may.set()
            await until(lambda: kept.partner.health.in_hand == 0, "the handler returned")
            with pytest.raises(WrongState) as late:
                await first.progress("在办")
            assert sent.receipts == [first.id]
            assert early.value.state == late.value.state, "a receipt accepts nothing"


async def test_it_resumes_after_the_gateway_was_killed(mesh: LocalMesh) -> None:
    """A handler that failed gets its delivery again, one that runs is not started twice, an action is done once."""
    firm = a_partner(mesh, "gas")
    calls: list[Delivery] = []
    may = asyncio.Event()

    @firm.on_referral
    async def store(delivery: Delivery) -> None:
        calls.append(delivery)
        if len(calls) == 1:
            raise OSError("the disk is full")
        await may.wait()

    async with firm, desk(mesh) as offer:
        case = await offer("gas", "停气了")
        await until(lambda: calls and firm.health.in_hand == 0, "it failed")
        await mesh.kill("gateway", signal.SIGKILL)
        await until(lambda: len(calls) == 2, "again")
        assert calls[1].id == calls[0].id and calls[1].attempt > calls[0].attempt and calls[1].case.name == case.name
        assert firm.health.connections == 2

        await mesh.kill("gateway", signal.SIGKILL)  # with a handler under way, and an action without an answer
        taken = await calls[1].accept("g-1", request_id="take-it")
        assert taken.state == taken.ACCEPTED and firm.health.connected
        assert (await calls[1].accept("g-1", request_id="take-it")).accepted_at == taken.accepted_at
        may.set()
        await until(lambda: firm.health.in_hand == 0, "stored")
        assert (await calls[1].progress("在办")).HasField("received_at")
        assert len(calls) == 2 and firm.health.problem == ""


async def test_much_at_once_goes_in_several_messages(mesh: LocalMesh) -> None:
    """More than a message may hold is sent in several; what alone is too much is refused before it ends the stream."""
    kept = Kept(a_partner(mesh, "drainage"))
    async with kept.partner, desk(mesh) as offer:
        delivery = await kept.first(await offer("drainage", "路面积水"))
        await delivery.accept("d-1")
        notes = [f"{number}{'长' * 3_999}" for number in range(10)]
        await asyncio.gather(*map(delivery.progress, notes))
        with pytest.raises(Invalid) as refused:
            await delivery.progress("长" * 14_000)
        assert refused.value.fields and "字节" in refused.value.zh
        done = await delivery.resolve("已疏通", "已疏通")
        assert sorted(one.text for one in done.feedback) == notes
        assert kept.partner.health.connections == 1


async def test_it_holds_no_more_than_it_said(mesh: LocalMesh) -> None:
    """At most max_in_flight handlers run; the others come as they return."""
    kept = Kept(a_partner(mesh, "heating", max_in_flight=2))
    kept.may.clear()
    async with kept.partner, desk(mesh) as offer:
        cases = [await offer("heating", f"{number} 号楼不热") for number in range(5)]
        await until(lambda: len(kept.got) == 2, "two of five")
        await kept.got[0].accept("h-1")  # and back: whatever was on its way has come
        assert len(kept.got) == 2 and kept.partner.health.in_hand == 2
        kept.may.set()
        await until(lambda: len({one.name for one in kept.got}) == len(cases), "all five")
        assert len(kept.got) == 5


async def test_an_orderly_end_finishes_what_is_in_hand(mesh: LocalMesh) -> None:
    """Stopped while a handler runs: it returns, its receipt goes out, and nothing of it comes again."""
    kept = Kept(a_partner(mesh, "telecom"))
    kept.may.clear()
    async with desk(mesh) as offer:
        async with kept.partner:
            delivery = await kept.first(await offer("telecom"))
            kept.partner.stop()
            asyncio.get_running_loop().call_soon(kept.may.set)
        later = Kept(a_partner(mesh, "telecom"))
        async with later.partner:
            following = await later.first(await offer("telecom"))
            assert (await later.partner.referral(delivery.name).accept("t-1")).HasField("received_at")
            assert [one.name for one in later.got] == [following.name]


async def test_who_cannot_hold_a_stream_polls(mesh: LocalMesh) -> None:
    """The same by unary calls: receipts after the handler, once each, bounded, also after a break."""
    kept = Kept(a_partner(mesh, "ecology", poll=0.1, max_in_flight=2))
    kept.may.clear()
    async with kept.partner, desk(mesh) as offer:
        for number in range(3):
            await offer("ecology", f"{number} 号排口冒黑水")
        await until(lambda: len(kept.got) == 2, "two of three")
        first = kept.got[0]
        with pytest.raises(WrongState):
            await first.progress("在办")
        taken = await first.accept("e-1", request_id="once")
        assert (await first.accept("e-1", request_id="once")).accepted_at == taken.accepted_at
        with pytest.raises(Invalid):
            await first.progress("")
        with pytest.raises(Invalid):
            await first.progress("长" * 14_000)
        assert (await first.request_disclosure(["number"], "须联系报料人")).disclosures
        await mesh.kill("gateway", signal.SIGKILL)
        kept.may.set()
        await until(lambda: len({one.name for one in kept.got}) == 3, "the third, after the break")
        await until(lambda: (kept.partner.health.in_hand, kept.partner.health.unanswered) == (0, 0), "all receipted")
        assert (await kept.partner.referral(first.name).resolve("已查处", "已查处")).HasField("received_at")
    later = Kept(a_partner(mesh, "ecology", poll=0.1))
    async with later.partner, desk(mesh) as offer:
        case = await offer("ecology", "又冒了")
        await later.first(case)
        again = {one.id for one in later.got if one.case.name != case.name}
        assert again <= {one.id for one in kept.got}, "what a dead gateway handed out comes by its old id"


async def test_a_paused_partner_is_told_from_a_dead_one(mesh: LocalMesh) -> None:
    """SIGSTOP: silent within 5 s, its work goes to another machine of the agency. SIGKILL: away within 5 s."""
    held = files(mesh, "power")
    command = [sys.executable, str(PROCESS), mesh.endpoints.address("gateway"), "power", held.cert, held.key, held.ca]
    machine = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
    try:
        wallet = Wallet(Path(mesh.endpoints.identities))
        async with desk(mesh) as offer, client.channel(mesh.endpoints.address("gateway"), wallet) as channel:
            stub: Any = GatewayServiceStub(channel)

            async def presence() -> pb.Presence:
                answer = await stub.ListPresences(pb.ListPresencesRequest(agencies=["power"]), metadata=ops())
                return answer.presences[0]  # type: ignore[no-any-return]

            async def is_now(state: Any, streams: int) -> bool:
                one = await presence()
                return (one.state, one.streams) == (state, streams)

            await until(lambda: is_now(State.PRESENT, 1), "present")

            async def is_not_present() -> Any:
                return (await presence()).state != State.PRESENT

            async def silenced() -> None:
                state = State.AWAY
                while state == State.AWAY:  # its connection was being probed as it stopped, and was given up at once
                    os.kill(machine.pid, signal.SIGCONT)
                    await until(lambda: is_now(State.PRESENT, 1), "present")
                    os.kill(machine.pid, signal.SIGSTOP)
                    await until(is_not_present, "silent")
                    state = (await presence()).state

            await within(5, silenced)
            case = await offer("power", "停电")
            other = Kept(a_partner(mesh, "power"))
            async with other.partner:
                assert (await other.first(case)).attempt >= 1
                assert (await presence()).state == State.PRESENT, "the agency is there, though one machine hangs"
            os.kill(machine.pid, signal.SIGCONT)
            await until(lambda: is_now(State.PRESENT, 1), "it goes on")
            os.kill(machine.pid, signal.SIGKILL)
            await until(lambda: is_now(State.AWAY, 0), "away", seconds=5)
            assert (await presence()).HasField("since")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(machine.pid, signal.SIGKILL)
        await machine.wait()


async def test_refusals_have_types(mesh: LocalMesh) -> None:
    """Each says what it is about, in both languages."""
    kept, other = Kept(a_partner(mesh, "drainage")), Kept(a_partner(mesh, "sanitation"))
    async with kept.partner, other.partner, desk(mesh) as offer:
        delivery = await kept.first(await offer("drainage"))
        with pytest.raises(Invalid) as empty:
            await delivery.accept("")
        assert "handler" in empty.value.fields and empty.value.reason == "INVALID_FIELD" and empty.value.zh
        with pytest.raises(NotFound):
            await other.partner.referral(delivery.name).accept("l-1")
        await delivery.accept("d-1", request_id="mine")
        with pytest.raises(RequestIdReused):
            await delivery.accept("d-2", request_id="mine")
        with pytest.raises(WrongState) as early:
            await delivery.contest("不属于我单位")
        assert early.value.state == "not_denied" and early.value.zh != early.value.english
        with pytest.raises(Invalid, match="no such agency"):
            await kept.partner.presences("water", "nobody")
        [there, absent] = await kept.partner.presences("mediation", "drainage")  # asked for in another order
        assert (there.agency, there.state, absent.state) == ("drainage", State.PRESENT, State.AWAY)
    with pytest.raises(NotYours):
        await Kept(a_partner(mesh, "drainage", role="commander")).partner.run()
    with pytest.raises(ValueError, match="on_referral"):
        await a_partner(mesh, "drainage").run()


async def test_a_new_certificate_is_taken_without_a_restart(mesh: LocalMesh) -> None:
    """The old one is revoked while the stream is open: it ends, and goes on with the new one."""
    kept = Kept(a_partner(mesh, "sanitation"))
    authority = Authority(Path(mesh.endpoints.identities))
    [old] = [one for one in authority.current() if one.identity == "agency/sanitation"]
    async with kept.partner, desk(mesh) as offer:
        authority.issue("agency/sanitation")
        authority.revoke(old.serial)
        await until(lambda: kept.partner.health.connections == 2, "again, with the new one")
        assert await kept.first(await offer("sanitation", "垃圾没有清运"))
        authority.revoke("agency/sanitation")
        await until(lambda: not kept.partner.health.connected, "nobody is let in any more")
        await until(lambda: "revoked" in kept.partner.health.problem, "and it is said why")
    with pytest.raises(NotAdmitted):
        await Kept(a_partner(mesh, "sanitation")).partner.run()
