"""The partner's side on a real mesh: the one stream, its unary twins, and what a break does (gateway_service.proto)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from mesh_play import CALL_SECONDS, Desk, Kind, Partner, RState, State, refused, request_id

from callmesh.api.v1 import gateway_service_pb2 as gw
from callmesh.kernel.rpc.client import identity
from callmesh.kernel.rpc.clients import Clients
from callmesh.partner import Refused
from support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")
AT_ONCE = 8.0
"""Seconds, fewer than the ten after which the gateway delivers again what nobody receipted."""


class Unary:
    """A partner that cannot hold a stream."""

    def __init__(self, clients: Clients, agency: str) -> None:
        self._stub, self._me = clients.gateway, identity(agency, "h1")

    async def call(self, method: Callable[..., Any], request: Any) -> Any:
        return await method(request, metadata=self._me, timeout=CALL_SECONDS)

    async def pull(self, **more: Any) -> list[gw.Delivery]:
        request = gw.PullReferralsRequest(max_items=more.get("max_items", 20))
        return list((await self.call(self._stub.PullReferrals, request)).deliveries)

    async def pulled(self, name: str, kind: Any = Kind.OFFERED) -> gw.Delivery:
        async def probe() -> gw.Delivery | None:
            return next((one for one in await self.pull() if (one.case.name, one.kind) == (name, kind)), None)

        found = await until(probe, f"{Kind.Name(kind)} about {name} by pull")
        assert found is not None
        return found

    async def receipt(self, one: gw.Delivery) -> Any:
        request = gw.AcknowledgeReferralRequest(name=one.referral.name, delivery_id=one.delivery_id)
        return await self.call(self._stub.AcknowledgeReferral, request)


async def test_unary_twins_do_all_a_stream_does(clients: Clients) -> None:
    """Pull, receipt, accept, progress, return, resolve without a stream; each repeat answers the same."""
    desk, body, stub = Desk(clients, "110"), Unary(clients, "drainage"), clients.gateway
    case = await desk.offered("下水道冒水", "drain_overflow")
    offer = await body.pulled(case.name)
    assert offer.attempt == 1 and offer.case.report.narrative == "下水道冒水"
    received = await body.receipt(offer)
    assert received.HasField("received_at") and received.state == RState.OFFERED, "receipt is not acceptance"
    assert (await body.receipt(offer)).received_at == received.received_at
    name = offer.referral.name
    accept = gw.AcceptReferralRequest(request_id=request_id(), name=name, handler="h1", unit="一组")
    taken = await body.call(stub.AcceptReferral, accept)
    assert taken.state == RState.ACCEPTED and taken == await body.call(stub.AcceptReferral, accept)
    report = gw.ReportProgressRequest(request_id=request_id(), name=name, arrived=True, text="到场")
    assert len((await body.call(stub.ReportProgress, report)).feedback) == 1
    assert len((await body.call(stub.ReportProgress, report)).feedback) == 1, "the same note is one note"
    resolve = gw.ResolveReferralRequest(request_id=request_id(), name=name, result="疏通", public_reply="已疏通")
    assert (await body.call(stub.ResolveReferral, resolve)).state == RState.RESOLVED
    await desk.close(await desk.follow_up(case))
    await body.receipt(await body.pulled(case.name, Kind.CLOSED))
    assert not [one for one in await body.pull() if one.kind != Kind.FINDING], "nothing but what the patrol may find"

    other = await desk.offered("又冒水", "drain_overflow")
    offer = await body.pulled(other.name)
    back = gw.ReturnReferralRequest(
        request_id=request_id(), name=offer.referral.name, reason="wrong_division", basis="不在辖区"
    )
    assert (await body.call(stub.ReturnReferral, back)).state == RState.RETURN_REQUESTED
    await desk.until(other, lambda one: one.referrals[0].state == RState.RETURNED, "granted by rule")
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD"):
        await body.pull(max_items=101)


async def test_a_receipt_names_its_own_delivery(clients: Clients) -> None:
    """With another referral's that one would be done with, and nobody would have it."""
    desk, body, stub = Desk(clients, "110"), Unary(clients, "drainage"), clients.gateway
    cases = [await desk.offered(words, "drain_overflow") for words in ("井盖丢了", "井盖响")]
    mine, others = [await body.pulled(one.name) for one in cases]
    for wrong in (others.delivery_id, "abc", " "):
        request = gw.AcknowledgeReferralRequest(name=mine.referral.name, delivery_id=wrong)
        with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD"):
            await body.call(stub.AcknowledgeReferral, request)
    again = await until(lambda: _again(body, others), "the other one comes again")
    for one in (again, mine):
        assert (await body.receipt(one)).HasField("received_at")
    for handler in ("  ", "长" * 501):
        accept = gw.AcceptReferralRequest(request_id=request_id(), name=mine.referral.name, handler=handler)
        with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD"):
            await body.call(stub.AcceptReferral, accept)


async def _again(body: Unary, one: gw.Delivery) -> gw.Delivery | None:
    return next((each for each in await body.pull() if each.delivery_id == one.delivery_id), None)


async def test_what_is_not_receipted_comes_again(clients: Clients) -> None:
    """After a break unreceipted deliveries come again with the same id, receipted ones do not."""
    desk = Desk(clients, "110")
    async with Partner(clients, "heating", receipts=False) as firm:
        kept, lost = await desk.offered("暖气不热", "heating"), await desk.offered("暖气漏水", "heating")
        first, second = await firm.told(kept), await firm.told(lost)
        firm.receipt(first)
        await desk.until(kept, lambda one: one.referrals[0].HasField("received_at"), "the receipt on the log")
        firm.cut()
        again = await firm.got(lambda one: one.attempt > 1, "what it had not receipted")
        assert again.delivery_id == second.delivery_id and again.case.name == lost.name
        firm.receipt(again)
        await desk.until(lost, lambda one: one.referrals[0].HasField("received_at"), "the second receipt")
        third = await desk.offered("又不热了", "heating")
        await firm.told(third)  # whatever was to come again has come before this
        assert len(firm.about(kept)) == 1 and len(firm.about(lost)) == 2
        assert firm.connections == 2


async def test_nothing_is_lost_between_two_connections(clients: Clients) -> None:
    """What is offered just when the line is down is there at once when it is back, not after a redelivery time."""
    desk = Desk(clients, "110")
    async with Partner(clients, "telecom") as firm:
        for _ in range(5):
            case = await desk.offered("光缆断了", "telecom")
            await firm.told(case, seconds=AT_ONCE)
            firm.cut()
            case = await desk.offered("宽带断了", "telecom")
            await firm.told(case, seconds=AT_ONCE)
    for _ in range(3):  # and with nobody there at all for a moment
        case = await desk.offered("电话不通", "telecom")
        async with Partner(clients, "telecom") as firm:
            await firm.told(case, seconds=AT_ONCE)
    assert len({one.delivery_id for one in firm.deliveries}) == len(firm.deliveries)


async def test_a_second_stream_shares(clients: Clients) -> None:
    """Two machines of one agency: each delivery goes to one of them; when one leaves the other gets its share."""
    desk = Desk(clients, "110")
    one, two = Partner(clients, "gas", receipts=False, room=3), Partner(clients, "gas", receipts=False, room=3)
    async with one:
        async with two:
            cases = [await desk.offered(f"{number} 号楼停气", "gas_outage") for number in range(6)]
            names = {case.name for case in cases}

            async def all_there() -> bool:
                return {d.case.name for d in (*one.deliveries, *two.deliveries)} == names

            await until(all_there, "six offers to two machines")
            assert len(one.deliveries) == len(two.deliveries) == 3, "room is kept to, and nothing comes twice"
            for got in one.deliveries:
                one.receipt(got)
            theirs = {d.case.name for d in two.deliveries}
        for name in theirs:
            got = await one.got(lambda d, name=name: d.case.name == name, "what the other left")  # type: ignore[misc]
            one.receipt(got)
        for case in cases:
            await desk.until(case, lambda c: c.referrals[0].HasField("received_at"), "all receipted")


async def test_a_slow_partner_holds_its_room(clients: Clients) -> None:
    """At most max_in_flight unreceipted deliveries at a time; a receipt makes room for the next."""
    desk = Desk(clients, "110")
    async with Partner(clients, "power", receipts=False, room=2) as firm:
        cases = [await desk.offered(f"{number} 号楼停电", "power_outage") for number in range(5)]
        for number, case in enumerate(cases):
            got = await firm.told(case)
            assert len(firm.deliveries) <= number + 2
            firm.receipt(got)


async def test_others_look_as_if_not_there(clients: Clients) -> None:
    """An agency sees only its own referrals (invariant 9): another's is NOT_FOUND, by stream and unary alike."""
    desk = Desk(clients, "110")
    async with Partner(clients, "water") as water, Partner(clients, "gas") as gas:
        case = await desk.offered("停水", "water_outage")
        name = (await water.told(case)).referral.name
        for act in (gas.accept, gas.progress, gas.give_back, gas.resolve):
            with pytest.raises(Refused) as hidden:
                await act(name)
            assert (hidden.value.code.name, hidden.value.reason) == ("NOT_FOUND", "NOT_FOUND") and hidden.value.zh
        stranger = Unary(clients, "gas")
        for method, request in (
            (clients.gateway.AcknowledgeReferral, gw.AcknowledgeReferralRequest(name=name)),
            (clients.gateway.AcceptReferral, gw.AcceptReferralRequest(name=name, handler="x")),
            (clients.gateway.ResolveReferral, gw.ResolveReferralRequest(name=name, result="x", public_reply="x")),
            (clients.gateway.AcceptReferral, gw.AcceptReferralRequest(name=case.name + "/referrals/9", handler="x")),
        ):
            with refused(grpc.StatusCode.NOT_FOUND, "NOT_FOUND"):
                await stranger.call(method, request)
        assert not gas.about(case)
        assert (await desk.get(case)).referrals[0].state == RState.OFFERED
        with refused(grpc.StatusCode.PERMISSION_DENIED, "NOT_YOURS"):
            await Unary(clients, "no-such-agency").pull()
        with refused(grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED"):
            await clients.gateway.PullReferrals(gw.PullReferralsRequest(), timeout=CALL_SECONDS)


async def test_actions_on_one_case_stay_in_order(clients: Clients) -> None:
    """Accept, progress and result sent in one go, for many cases at once, arrive in that order."""
    desk = Desk(clients, "110")
    async with Partner(clients, "water") as water:
        cases = await asyncio.gather(*(desk.offered(f"{number} 栋停水", "water_outage") for number in range(20)))
        names = [(await water.told(case)).referral.name for case in cases]
        steps = [(water.accept(name), water.progress(name), water.resolve(name)) for name in names]
        await asyncio.gather(*(step for three in steps for step in three))
        for case in cases:
            done = await desk.until(case, lambda one: one.state == State.FOLLOW_UP, "done")
            assert done.referrals[0].state == RState.RESOLVED and len(done.referrals[0].feedback) == 1


async def test_an_action_may_name_its_request_where_a_unary_call_does(clients: Clients) -> None:
    """Sent twice, as after a break, the note is one note, and both are answered by the name of the request in it."""
    desk, water = Desk(clients, "110"), Unary(clients, "water")
    case = await desk.offered("停水", "water_outage")
    name = (await water.pulled(case.name)).referral.name
    taken = gw.AcceptReferralRequest(request_id=request_id(), name=name, handler="h1")
    note = gw.ReportProgressRequest(request_id=request_id(), name=name, text="到场")
    actions = [gw.Action(accept=taken), gw.Action(progress=note), gw.Action(progress=note)]
    stream = clients.gateway.ReceiveReferrals(metadata=identity("water", "h1"))
    await stream.write(gw.ReceiveReferralsRequest(hello=gw.Hello(max_in_flight=1)))
    for action in actions:
        await stream.write(gw.ReceiveReferralsRequest(actions=[action]))
    outcomes: list[gw.Outcome] = []
    async with asyncio.timeout(AT_ONCE):
        while len(outcomes) < len(actions):
            outcomes += (await stream.read()).outcomes
    stream.cancel()
    assert [one.request_id for one in outcomes] == [taken.request_id, note.request_id, note.request_id]
    assert [len(one.referral.feedback) for one in outcomes] == [0, 1, 1]


async def test_supplements_reach_who_works_on_it(clients: Clients) -> None:
    """What the caller adds later goes to every body that has the case; after the end to nobody."""
    desk = Desk(clients, "110")
    async with Partner(clients, "water") as water:
        case = await desk.offered("停水", "water_outage")
        await water.told(case)
        await desk.amend(case, "老人等水吃药")
        more = await water.told(case, Kind.SUPPLEMENTED)
        assert [one.text for one in more.case.report.supplements] == ["老人等水吃药"]
        await water.work(case)
        await desk.amend(case, "又停了")
        await desk.close(await desk.follow_up(case))
        await water.told(case, Kind.CLOSED)
        assert len(water.about(case, Kind.SUPPLEMENTED)) == 1


async def test_a_stream_must_say_hello(clients: Clients) -> None:
    """The first message is hello, within its bounds."""
    for first in (gw.ReceiveReferralsRequest(), gw.ReceiveReferralsRequest(hello=gw.Hello(max_in_flight=5000))):
        call = clients.gateway.ReceiveReferrals(metadata=identity("water"))
        with refused(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD"):
            await call.write(first)
            assert await call.read() is None
