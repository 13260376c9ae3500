"""The plan of mistakes, and the wire that makes them: same seed, same partner; an empty plan changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from callmesh.api.v1 import gateway_service_pb2 as pb
from callmesh.cli.main import main
from callmesh.partner.faults import Fault, FaultPlan
from callmesh.partner.faulty import FaultyWire
from support.waiting import until

NAME = "cases/r1-0-77CHWZ977XERY72T7EPKMEJHCH/referrals/2"


def test_the_same_seed_strikes_at_the_same_moments() -> None:
    def strikes(*faults: Fault, seed: int = 7) -> list[bool]:
        plan = FaultPlan(seed, faults, rate=0.3)
        return [plan.strikes(Fault.NO_RECEIPT) for _ in range(200)]

    alone = strikes(Fault.NO_RECEIPT)
    assert alone == strikes(Fault.NO_RECEIPT, Fault.NO_HANDLER), "one more fault changes no other"
    assert alone != strikes(Fault.NO_RECEIPT, seed=8)
    assert 30 < sum(alone) < 90
    assert not any(strikes(Fault.NO_HANDLER))
    with pytest.raises(ValueError, match="rate"):
        FaultPlan(rate=0)


def actions() -> Iterator[pb.Action]:
    yield pb.Action(acknowledge=pb.AcknowledgeReferralRequest(name=NAME, delivery_id="5"))
    yield pb.Action(request_id="a", accept=pb.AcceptReferralRequest(name=NAME, handler="w-1"))
    yield pb.Action(request_id="p", progress=pb.ReportProgressRequest(name=NAME, text="在办"))
    yield pb.Action(request_id="r", resolve=pb.ResolveReferralRequest(name=NAME, result="已修", public_reply="已恢复"))


def sent(*faults: Fault) -> pb.ReceiveReferralsRequest:
    """What leaves a partner that says hello and then does everything, in one message."""
    wire = FaultyWire(None, FaultPlan(0, faults))
    message = pb.ReceiveReferralsRequest(hello=pb.Hello(max_in_flight=8, heartbeat=True), pong=3, actions=actions())
    [made] = wire.up(message)
    return made


def test_without_faults_the_wire_is_none() -> None:
    assert sent() == pb.ReceiveReferralsRequest(
        hello=pb.Hello(max_in_flight=8, heartbeat=True), pong=3, actions=actions()
    )
    said = pb.ReceiveReferralsResponse(
        ping=4,
        welcome=pb.Welcome(agency="water"),
        deliveries=[pb.Delivery(delivery_id="5", attempt=2, kind=pb.Delivery.RECALLED)],
        outcomes=[pb.Outcome(request_id="a")],
    )
    assert FaultyWire(None, FaultPlan()).down(said) == said


@pytest.mark.parametrize(
    ("fault", "shows"),
    [
        (Fault.NO_RECEIPT, lambda m: not any(one.HasField("acknowledge") for one in m.actions)),
        (Fault.RECEIPT_WITHOUT_ID, lambda m: m.actions[0].acknowledge.delivery_id == ""),
        (Fault.NO_HANDLER, lambda m: m.actions[1].accept.handler == ""),
        (Fault.TEXT_TOO_LONG, lambda m: len(m.actions[2].progress.text) > 4_000),
        (Fault.NO_PUBLIC_REPLY, lambda m: m.actions[3].resolve.public_reply == ""),
        (Fault.ONE_ID_FOR_ALL, lambda m: len({one.request_id for one in m.actions[1:]}) == 1),
        (Fault.BAD_REQUEST_ID, lambda m: " " in m.actions[1].request_id and len(m.actions[1].request_id) > 64),
        (Fault.GUESSES_NAMES, lambda m: m.actions[1].accept.name.endswith("/referrals/1")),
        (Fault.NO_HELLO, lambda m: not m.HasField("hello")),
        (Fault.TOO_MUCH_IN_FLIGHT, lambda m: m.hello.max_in_flight > 1_000),
    ],
)
def test_a_fault_shows_on_the_wire(fault: Fault, shows: Any) -> None:
    assert shows(sent(fault)) and not shows(sent())


class OneAtATime:
    """A call as gRPC has it: a write beside one that is under way would end it."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self._busy = False
        self._more = pb.ReceiveReferralsResponse(deliveries=[pb.Delivery(delivery_id=one) for one in "12345"])

    def ReceiveReferrals(self, **_: Any) -> OneAtATime:
        return self

    async def read(self) -> pb.ReceiveReferralsResponse:
        return self._more

    async def write(self, message: pb.ReceiveReferralsRequest) -> None:
        assert not self._busy, "a second write"
        self._busy = True
        await asyncio.sleep(0)
        self._busy = False
        self.written += [one.acknowledge.delivery_id or one.request_id for one in message.actions]


async def test_what_is_sent_past_the_program_waits_its_turn() -> None:
    line = OneAtATime()
    call = FaultyWire(line, FaultPlan(0, [Fault.EARLY_RECEIPT])).ReceiveReferrals()
    await call.read()
    await call.write(pb.ReceiveReferralsRequest(actions=[pb.Action(request_id="own")]))
    await until(lambda: sorted(line.written) == ["1", "2", "3", "4", "5", "own"], "all are written")


def test_the_manual_lists_every_fault() -> None:
    run = CliRunner()
    page = run.invoke(main, ["partner", "simulate", "--help"]).output
    assert all(f"  {one.value} " in page and one.meaning in page for one in Fault)
    wrong = run.invoke(main, ["partner", "simulate", "--agency", "water", "--gateway", "127.0.0.1:1", "--fault", "x"])
    assert wrong.exit_code == 2
    assert run.invoke(main, ["partner", "simulate", "--gateway", "127.0.0.1:1"]).exit_code == 2
