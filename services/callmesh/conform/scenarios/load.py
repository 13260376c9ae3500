"""Much at once, and big."""

from __future__ import annotations

from callmesh.api.v1 import gateway_service_pb2 as pb
from callmesh.api.v1.referral_pb2 import Feedback
from callmesh.conform.scenario import scenario
from callmesh.conform.stage import Broken, Stage

_BIG_BYTES = 1 << 20
_NOTE = "处置经过" * 250


@scenario("burst", "突发大量派单", "The one stream")
async def burst(stage: Stage) -> None:
    """A burst is taken in: every delivery receipted and worked, none lost, none twice.

    Many deliveries wait at once; the mesh hands out as many as the partner's hello allows.
    """
    offered = [stage.offer() for _ in range(stage.pace.burst)]
    stage.send(*stage.shuffled(offered))
    for one in offered:
        await stage.receipted(one)
    await stage.worked(*offered)
    for one in offered:
        ids = {event.request_id for event in stage.record.of("accept", one.referral.name)}
        if len(ids) > 1:
            raise Broken(f"{one.referral.name} was accepted with {len(ids)} request ids")


@scenario("in-flight", "未回执数量上限", "The one stream")
async def in_flight(stage: Stage) -> None:
    """As many deliveries as hello asked for are receipted one by one, not when a batch is full.

    One more delivery than fits comes when the others are receipted; none may wait for others to come.
    """
    room = max((seat.room for seat in stage.gateway.inbox.seats), default=1)
    offered = [stage.offer() for _ in range(min(room, stage.pace.burst) + 1)]
    stage.send(*offered)
    for one in offered:
        await stage.receipted(one)
    await stage.worked(*offered)


@scenario("big", "历史很长的事件单", "Limits")
async def big(stage: Stage) -> None:
    """A delivery may be far bigger than what a partner may send: 1 MiB here, gRPC's default is 4 MiB.

    A referral with a long history of feedback is offered.
    """
    offered = stage.offer()
    note = Feedback(person="T-1", text=_NOTE)
    offered.referral.feedback.extend([note] * (_BIG_BYTES // note.ByteSize()))
    stage.send(offered)
    await stage.receipted(offered)
    await stage.worked(offered)


@scenario("mixed", "多事件单消息交错", "The one stream")
async def mixed(stage: Stage) -> None:
    """Many cases at once, offers and news shuffled: each comes to its own end.

    For each referral the offer and two pieces of news come in an order of the seed, between those of the others.
    """
    offered = [stage.offer() for _ in range(10)]
    sent: list[pb.Delivery] = []
    for one in offered:
        supplemented = stage.news(one, pb.Delivery.SUPPLEMENTED)
        sent += [one, supplemented, stage.news(supplemented, pb.Delivery.ANNOTATED)]
    stage.send(*stage.shuffled(sent))
    for one in sent:
        await stage.receipted(one)
    await stage.worked(*offered)


ALL = (burst, in_flight, big, mixed)
