"""What the mesh answers: refusals, requests to wait, answers that are slow or lost."""

from __future__ import annotations

import asyncio
from functools import partial

from callmesh.api.v1 import gateway_service_pb2 as pb
from callmesh.conform.record import Event
from callmesh.conform.scenario import scenario
from callmesh.conform.servicer import Answer
from callmesh.conform.stage import Broken, Stage
from callmesh.domain.errors import DomainError, NotFound, NotYours, Overloaded, Unreachable, WrongState

TRIES = 3
"""A refused action may come so often at most: a person may try again."""
EARLY = 0.9
"""Share of RetryInfo's delay before which a retry is too early: clocks differ a little."""


@scenario("refused", "被拒绝后不再继续", "Errors")
async def refused(stage: Stage) -> None:
    """A refusal is believed: the action is not sent again and again, and nothing goes on as if it had been done.

    The acceptance is refused for good (WRONG_STATE, NOT_FOUND or PERMISSION_DENIED); neither progress nor result may
    follow.
    """
    reasons: list[DomainError] = [
        WrongState("the referral was recalled", "该转办单已被撤回", "RECALLED"),
        NotFound("no such referral", "没有这个转办单, 请核对编号"),
        NotYours("it is not for you to do this", "该转办单不属于本单位"),
    ]
    offered = [stage.offer() for _ in reasons]
    for one, reason in zip(offered, stage.shuffled(reasons), strict=True):
        stage.gateway.plan("accept", one.referral.name, Answer(refusal=reason, stays=True))
    stage.send(*offered)
    for one in offered:
        await stage.acted("accept", one)
    await stage.settled()
    for one in offered:
        tries = len(stage.record.of("accept", one.referral.name))
        if tries > TRIES:
            raise Broken(f"an acceptance that was refused for good was sent {tries} times")
        for kind in ("progress", "resolve"):
            stage.never(kind, one, f"{kind} came although the acceptance had been refused")


@scenario("overloaded", "按 RetryInfo 等待后重试", "Errors")
async def overloaded(stage: Stage) -> None:
    """RESOURCE_EXHAUSTED with RetryInfo: wait as long as it says, then send the same again.

    The acceptance is put off twice; each retry must come no earlier than asked, with the same request_id.
    """
    await _put_off(stage, Overloaded("too much at once", "请求过于频繁, 请稍后重试", stage.pace.retry))


@scenario("unavailable", "暂时不可用后重试", "Errors")
async def unavailable(stage: Stage) -> None:
    """UNAVAILABLE with RetryInfo: send the same again, not at once.

    The acceptance is answered so twice; it must come again with the same request_id, after the second asked for.
    """
    await _put_off(stage, Unreachable("the log cannot be reached", "系统暂时不可用, 请稍后重试"), 1.0)


async def _put_off(stage: Stage, why: DomainError, asked: float = 0) -> None:
    offered = stage.offer()
    name, asked = offered.referral.name, asked or stage.pace.retry
    stage.gateway.plan("accept", name, Answer(refusal=why), Answer(refusal=why))
    stage.send(offered)
    wait = stage.pace.answer + 3 * asked
    tries = await stage.must(lambda: stage.record.of("accept", name)[2:] and stage.record.of("accept", name),
                             f"{name} was put off and not tried again", wait)  # fmt: skip
    for answer, retry in zip(stage.record.said("refused", name), tries[1:], strict=False):
        waited = retry.at - answer.at
        if waited < EARLY * asked:
            raise Broken(f"RetryInfo asked for {asked:g} s, the retry came after {waited:.2f} s")
    same_id(tries)
    await stage.worked(offered)


@scenario("slow-answers", "应答缓慢时继续收件", "The one stream")
async def slow_answers(stage: Stage) -> None:
    """While an answer is outstanding the partner goes on: it receipts and accepts what comes meanwhile.

    The answer to one acceptance is held back; other deliveries come, and news of the same referral.
    """
    first = stage.offer()
    held = asyncio.Event()
    stage.gateway.plan("accept", first.referral.name, Answer(held=held))
    stage.send(first)
    await stage.acted("accept", first)
    others = [stage.offer(), stage.offer()]
    news = stage.news(first, pb.Delivery.SUPPLEMENTED)
    stage.send(*others, news)
    for one in (*others, news):
        await stage.receipted(one)
    for one in others:
        await stage.acted("accept", one)
    held.set()
    await stage.worked(first, *others)


@scenario("lost-answer", "已执行但应答丢失", "Repeating is safe")
async def lost_answer(stage: Stage) -> None:
    """Reset after apply: the mesh carried it out, the answer is lost, the partner sends the same again.

    The connection is reset after the acceptance was applied, and again after the result was; each must come again with
    the same request_id and the same content.
    """
    await _lost(stage, Answer(cut_after=True))


@scenario("lost-request", "请求未到达即断线", "Repeating is safe")
async def lost_request(stage: Stage) -> None:
    """Reset before apply: the partner cannot know, and sends the same again.

    The connection is reset before the acceptance and before the result is applied.
    """
    await _lost(stage, Answer(cut_before=True))


async def _lost(stage: Stage, answer: Answer) -> None:
    offered = stage.offer()
    name = offered.referral.name
    for kind in ("accept", "resolve"):
        stage.gateway.plan(kind, name, answer)
    stage.send(offered)
    for kind in ("accept", "resolve"):
        await stage.acted(kind, offered)
        again = await stage.must(
            partial(_beyond, stage, kind, name), f"{kind} did not come again although its answer was lost"
        )
        same_id([*stage.record.of(kind, name)[:1], *again])
    await stage.worked(offered)


def _beyond(stage: Stage, kind: str, name: str) -> list[Event]:
    return stage.record.of(kind, name)[1:]


def same_id(tries: list[Event]) -> None:
    """Broken unless all have one request_id and one content."""
    ids = list(dict.fromkeys(one.request_id for one in tries))
    if len(ids) > 1:
        raise Broken(f"a retry must have the same request_id: the first had {ids[0]!r}, a later one {ids[1]!r}")
    if len({one.message.SerializeToString(deterministic=True) for one in tries}) > 1:
        raise Broken(f"a retry with request_id {ids[0]!r} has other content: the mesh refuses that")


ALL = (refused, overloaded, unavailable, slow_answers, lost_answer, lost_request)
