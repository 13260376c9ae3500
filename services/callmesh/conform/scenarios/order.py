"""Deliveries that come twice, late, or in another order than things happened."""

from __future__ import annotations

import asyncio

from callmesh.api.v1 import common_pb2
from callmesh.api.v1 import gateway_service_pb2 as pb
from callmesh.api.v1.referral_pb2 import Referral
from callmesh.conform.scenario import scenario
from callmesh.conform.servicer import Answer
from callmesh.conform.stage import Broken, Stage

_K = pb.Delivery
_OVER = ((_K.RECALLED, Referral.RECALLED), (_K.WAIVED, Referral.WAIVED), (_K.RETURN_GRANTED, Referral.RETURNED))


@scenario("duplicates", "重复投递", "The one stream")
async def duplicates(stage: Stage) -> None:
    """A repeated delivery_id is the same thing: receipted again, worked once.

    A delivery comes twice in one message, and three times more after it was receipted and worked.
    """
    offered = stage.offer()
    stage.send(offered, _again(offered, 2))
    await stage.receipted(offered)
    await stage.worked(offered)
    for attempt in (3, 4, 5):
        receipts = len(stage.record.of("acknowledge", offered.referral.name))
        stage.send(_again(offered, attempt))
        await stage.receipted(offered, receipts + 1)
    await stage.settled()
    for kind in ("accept", "resolve"):
        ids = {one.request_id for one in stage.record.of(kind, offered.referral.name)}
        if len(ids) > 1:
            raise Broken(f"the delivery came five times and was worked anew: {kind} with ids {sorted(ids)}")


@scenario("storing", "先落盘再回执", "The one stream")
async def storing(stage: Stage) -> None:
    """A receipt goes out when the delivery is stored, not before.

    Several deliveries come; with the first receipt the connection is reset. What was receipted does not come again,
    what was not does; every one must be worked.
    """
    offered = [stage.offer() for _ in range(12)]
    stage.gateway.plan("acknowledge", offered[0].referral.name, Answer(cut_after=True))
    mark = stage.mark()
    stage.send(*offered)
    await stage.must(lambda: stage.record.said("reset"), "the first delivery was not receipted")
    await stage.back(mark, "the partner did not come back after its connection was reset")
    for one in offered:
        await stage.receipted(one)
    for one in offered:
        await stage.acted("accept", one)
    await stage.worked(*offered)


@scenario("overtaken", "乱序到达: 旧消息晚到", "The one stream")
async def overtaken(stage: Stage) -> None:
    """News may overtake each other: the higher case.etag is the later one.

    RECALLED comes before the OFFERED that it takes back; the offer must be receipted and not be worked.
    """
    offered = stage.offer()
    recalled = stage.news(offered, _K.RECALLED, Referral.RECALLED)
    stage.send(recalled)
    await stage.receipted(recalled)
    stage.send(offered)
    await stage.receipted(offered)
    await stage.settled()
    for kind in ("accept", "progress", "resolve"):
        why = f"{kind} came although RECALLED has the higher etag: the older OFFERED won because it came last"
        stage.never(kind, offered, why)


@scenario("recalled", "撤回、免办、准予退单后停止", "The one stream")
async def recalled(stage: Stage) -> None:
    """After RECALLED, WAIVED or RETURN_GRANTED the partner stops.

    The news come while the answer to the acceptance is on its way; nothing more may be reported or resolved.
    """
    offered = [stage.offer() for _ in _OVER]
    held = asyncio.Event()
    for one in offered:
        stage.gateway.plan("accept", one.referral.name, Answer(held=held))
    stage.send(*offered)
    for one in offered:
        await stage.acted("accept", one)
    for one, (kind, state) in zip(offered, stage.shuffled(_OVER), strict=True):
        news = stage.news(one, kind, state)
        stage.send(news)
        await stage.receipted(news)
    before = len(stage.record.events)
    held.set()
    await stage.settled()
    names = {one.referral.name for one in offered}
    for event in stage.record.events[before:]:
        if event.heard and event.name in names and event.what in ("accept", "progress", "resolve"):
            raise Broken(f"{event.what} of {event.name} came after it had been told that it is over")


@scenario("late", "超时后仍可签收", "States of a referral")
async def late(stage: Stage) -> None:
    """Accepting late is welcome: a missed limit ends nothing.

    Offers come together with the reminder that their time to accept has run out; each must be accepted.
    """
    offered = [stage.offer() for _ in range(4)]
    for one in offered:
        reminded = stage.news(one, _K.REMINDED)
        reminded.referral.missed.append(common_pb2.LIMIT_ACCEPT)
        reminded.referral.remind_count = 1
        stage.send(one, reminded)
        await stage.receipted(reminded)
    for one in offered:
        await stage.acted("accept", one)
    await stage.worked(*offered)


@scenario("paused", "挂账期间不办理", "States of a referral")
async def paused(stage: Stage) -> None:
    """While a referral is suspended nothing is reported; after RESUMED it goes on.

    SUSPENDED comes while the answer to the acceptance is on its way, RESUMED a while later.
    """
    offered = stage.offer()
    held = asyncio.Event()
    stage.gateway.plan("accept", offered.referral.name, Answer(held=held))
    stage.send(offered)
    await stage.acted("accept", offered)
    suspended = stage.news(offered, _K.SUSPENDED, Referral.SUSPENDED)
    stage.send(suspended)
    await stage.receipted(suspended)
    before = {kind: len(stage.record.of(kind, offered.referral.name)) for kind in ("progress", "resolve")}
    held.set()
    await stage.settled()
    for kind, count in before.items():
        stage.never(kind, offered, f"{kind} came while the referral was suspended", count)
    stage.send(stage.news(suspended, _K.RESUMED, Referral.ACCEPTED))
    await stage.worked(offered)


def _again(delivery: pb.Delivery, attempt: int) -> pb.Delivery:
    made = pb.Delivery.FromString(delivery.SerializeToString())
    made.attempt = attempt
    return made


ALL = (duplicates, storing, overtaken, recalled, late, paused)
