"""Plain life: what a partner does when nothing goes wrong."""

from __future__ import annotations

from collections import Counter
from functools import partial
from itertools import product

from callmesh.api.v1 import gateway_service_pb2 as pb
from callmesh.api.v1.referral_pb2 import Referral
from callmesh.conform.book import KINDS, REQUEST_ID_LENGTH
from callmesh.conform.record import Event
from callmesh.conform.scenario import scenario
from callmesh.conform.stage import Broken, NotShown, Stage

_K = pb.Delivery
_NEWS = (_K.SUPPLEMENTED, _K.WARNED, _K.REMINDED, _K.ANNOTATED, _K.EXTENSION_DECIDED)
ACTIONS = tuple(one for one in KINDS if one != "acknowledge")
FOLLOWING = ("progress", "resolve", "return_referral")


@scenario("life", "从派单到办结归档", "The flow")
async def life(stage: Stage) -> None:
    """A referral is receipted, accepted, resolved and filed.

    One referral is offered; receipt, acceptance and result must come, none of them refused; then the case closes
    and that delivery is receipted, too.
    """
    offered = stage.offer()
    stage.send(offered)
    await stage.receipted(offered)
    await stage.done_unrefused(offered)
    await stage.acted("accept", offered)
    closed = stage.news(offered, _K.CLOSED, Referral.CLOSED)
    stage.send(closed)
    await stage.receipted(closed)


@scenario("receipts", "每次投递都有准确回执", "The one stream")
async def receipts(stage: Stage) -> None:
    """Every delivery is receipted by its own delivery_id.

    News of one referral come one after the other; each must be receipted with referral name and delivery_id.
    """
    offered = stage.offer()
    stage.send(offered)
    await _receipted_by_id(stage, offered)
    last = offered
    for kind in (_K.SUPPLEMENTED, _K.ANNOTATED, _K.WARNED):
        last = stage.news(last, kind)
        stage.send(last)
        await _receipted_by_id(stage, last)


@scenario("acceptance", "系统接收不等于签收", "The flow")
async def acceptance(stage: Stage) -> None:
    """Receipt is not acceptance, and news are not offers.

    A referral is worked to its end, then news of it come: they are receipted, none of them is accepted or worked.
    """
    offered = stage.offer()
    stage.send(offered)
    await stage.worked(offered)
    before = _actions(stage, offered)
    news, last = [], offered
    for kind in _NEWS:
        last = stage.news(last, kind)
        news.append(last)
    stage.send(*news)
    for one in news:
        await stage.receipted(one)
    await stage.settled()
    for action in ("accept", "resolve"):
        why = f"{action} came again although the delivery was news of a referral that is done"
        stage.never(action, offered, why, before[action])


@scenario("names", "编号原样使用", "Two words")
async def names(stage: Stage) -> None:
    """Names are opaque: what comes back is what was sent.

    Referrals that are not the first of their case are offered; every receipt and action must carry their exact name.
    """
    offered = [stage.offer(number) for number in (3, 12, 240)]
    stage.send(*offered)
    for one in offered:
        await stage.must(partial(_about, stage, one.case.name), f"nothing came about {one.case.name}")
        for heard in _about(stage, one.case.name):
            if heard.name != one.referral.name:
                raise Broken(f"{heard.what} of {heard.name!r}, a name that was never given to this partner")
    await stage.worked(*offered)


@scenario("request-ids", "请求编号的使用", "Repeating is safe")
async def request_ids(stage: Stage) -> None:
    """Every action has a request_id: well-formed, one for each intention.

    Two referrals are worked. Each id must have 1 to 64 printable characters without spaces; no id stands for two
    different actions on a case.
    """
    offered = [stage.offer(), stage.offer()]
    stage.send(*offered)
    used: dict[tuple[str, str], str] = {}
    for kinds in (ACTIONS, FOLLOWING):
        for one in offered:
            await stage.any_of(kinds, one)
        for kind, one in product(ACTIONS, offered):
            for heard in stage.record.of(kind, one.referral.name):
                _used_well(used, kind, heard)
    await stage.worked(*offered)


@scenario("limits", "字段与长度限制", "Limits")
async def limits(stage: Stage) -> None:
    """What is sent keeps the limits: required fields are there, texts are not too long.

    Several referrals are worked; the mesh's own checks of fields must refuse none of the actions.
    """
    offered = [stage.offer() for _ in range(3)]
    stage.send(*offered)
    for one in offered:
        await stage.done_unrefused(one)


@scenario("support", "主办等待协办办结", "States of a referral")
async def support(stage: Stage) -> None:
    """The lead resolves last, and does so when it is told that support is done.

    The lead's result is refused while support is open; after SUPPORT_DONE it must come again.
    """
    offered = stage.offer()
    stage.gateway.book.supported.add(offered.referral.name)
    stage.send(offered)
    await stage.acted("resolve", offered)
    await stage.must(lambda: stage.record.said("refused", offered.referral.name), "nothing was refused")
    tried = len(stage.record.of("resolve", offered.referral.name))
    stage.gateway.book.supported.clear()
    stage.send(stage.news(offered, _K.SUPPORT_DONE))
    await stage.acted("resolve", offered, tried)
    await stage.worked(offered)


@scenario("supporting", "协办单位的本分", "States of a referral")
async def supporting(stage: Stage) -> None:
    """A supporting agency does its part: it accepts, resolves, and does not return.

    A referral with the role SUPPORT is offered.
    """
    offered = stage.offer(2, Referral.SUPPORT)
    stage.send(offered)
    await stage.worked(offered)
    stage.never("return_referral", offered, "support was returned; only the lead may")


@scenario("sent-back", "退回重办", "The one stream")
async def sent_back(stage: Stage) -> None:
    """A result that a reviewer sends back is done again.

    After the result SENT_BACK comes; another result must come, with a request_id of its own.
    """
    offered = stage.offer()
    stage.send(offered)
    await stage.worked(offered)
    first = stage.record.of("resolve", offered.referral.name)
    stage.send(stage.news(offered, _K.SENT_BACK, Referral.IN_PROGRESS))
    second = await stage.acted("resolve", offered, len(first))
    if second.request_id in {one.request_id for one in first}:
        raise Broken("the second result has the request id of the first: the mesh takes it for the same")
    await stage.worked(offered)


@scenario("masked", "信息受限的事件单", "What you will see of a case")
async def masked(stage: Stage) -> None:
    """A case of which nothing personal is shown is worked all the same.

    The report is empty, as a release policy may leave it; the caller is confidential.
    """
    offered = stage.offer()
    offered.case.ClearField("report")
    offered.case.report.caller.confidential = True
    stage.send(offered)
    await stage.worked(offered)


@scenario("deadlines", "单次调用须设时限", "Errors")
async def deadlines(stage: Stage) -> None:
    """Unary calls carry a deadline.

    Shown only by partners who pull or call the unary twins.
    """
    offered = stage.offer()
    stage.send(offered)
    await stage.worked(offered)
    calls = stage.record.of("call")
    if not calls:
        raise NotShown("the partner makes no unary calls")
    for one in calls:
        if one.message is None:
            raise Broken(f"{one.name} was called without a deadline; set one, 10 s for example")


async def _receipted_by_id(stage: Stage, delivery: pb.Delivery) -> None:
    await stage.any_of(("acknowledge",), delivery)
    for one in stage.record.of("acknowledge", delivery.referral.name):
        if not one.message.delivery_id:
            raise Broken("a receipt names no delivery_id: the mesh cannot know which delivery it is for")
    await stage.receipted(delivery)


def _actions(stage: Stage, of: pb.Delivery) -> Counter[str]:
    return Counter({kind: len(stage.record.of(kind, of.referral.name)) for kind in KINDS})


def _about(stage: Stage, case: str) -> list[Event]:
    return [one for kind in ACTIONS for one in stage.record.of(kind) if one.name.startswith(f"{case}/")]


def _used_well(used: dict[tuple[str, str], str], kind: str, heard: Event) -> None:
    request_id = heard.request_id
    if not request_id:
        raise Broken(f"{kind} has no request_id: it cannot be sent again safely")
    if len(request_id) > REQUEST_ID_LENGTH or not request_id.isprintable() or " " in request_id:
        raise Broken(f"request id {request_id!r} of {kind}: 1 to 64 printable characters without spaces")
    other = used.setdefault((heard.name, request_id), kind)
    if other != kind:
        raise Broken(f"request id {request_id!r} stands for {other} and for {kind} of the same referral")


ALL = (
    life,
    receipts,
    acceptance,
    names,
    request_ids,
    limits,
    support,
    supporting,
    sent_back,
    masked,
    deadlines,
)
