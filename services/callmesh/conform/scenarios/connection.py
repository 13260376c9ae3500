"""Connections: how a stream is opened, how it comes back, whom it trusts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from itertools import pairwise

from callmesh.conform.record import Event
from callmesh.conform.scenario import scenario
from callmesh.conform.stage import Broken, NotShown, Stage

PER_SECOND = 5.0
"""Attempts to connect in the long run; more is hammering."""
FIRST = 5
"""Attempts that may come at once before that is counted."""
_SAME_SECONDS, _SAME_SHARE = 0.03, 0.05
_GRACE = 0.2
_KNOCKS = 2


@scenario("hello", "首条消息为 hello", "The one stream")
async def hello(stage: Stage) -> None:
    """A stream begins with hello, and asks for 1 to 1000 deliveries in flight.

    The connection is reset; the first message of the new stream is looked at.
    """
    await stage.front.reset()
    await stage.must(lambda: stage.record.of("hello") or stage.record.of("no hello") or _pulls(stage), "nobody spoke")
    _needs_stream(stage)
    if stage.record.of("no hello"):
        raise Broken("the first message of a stream was not hello")
    await stage.until_connected("hello asked for more than 1000 deliveries in flight, or fewer than 1: no stream")


@scenario("identity", "单位身份一致", "Connect")
async def identity(stage: Stage) -> None:
    """The partner says no other agency than its certificate does.

    The connection is reset; the metadata of the next call is compared with the certificate, or with --agency.
    """
    await stage.front.reset()
    await stage.must(lambda: stage.record.of("caller") or stage.record.of("unknown caller"), "no call came")
    for one in stage.record.of("unknown caller"):
        raise Broken(one.text)
    for one in stage.record.of("caller"):
        if stage.agency and one.name != stage.agency:
            raise Broken(f"the partner says it is agency {one.name!r}, expected {stage.agency!r}")
    await stage.until_connected()


@scenario("streams", "长连接流的打开方式", "The one stream")
async def streams(stage: Stage) -> None:
    """A stream has no deadline, and there are as many as the partner means to hold.

    The connection is reset three times; the streams that are open afterwards are counted (--streams).
    """
    for _ in range(3):
        await stage.interrupt()
    _needs_stream(stage)
    await asyncio.sleep(stage.pace.quiet)
    for one in stage.record.of("stream"):
        if one.message is not None:
            raise Broken(f"the stream was opened with a deadline, {one.message:.1f} s away: set none on the stream")
    count = len(stage.gateway.open)
    if count > stage.pace.streams:
        raise Broken(
            f"{count} streams are open, {stage.pace.streams} expected: close what you do not use, or say --streams"
        )
    await stage.settled()


@scenario("heartbeat", "心跳应答", "The one stream")
async def heartbeat(stage: Stage) -> None:
    """Who asked for pings in its hello answers each at once, with its number.

    Three pings are waited for while a referral is worked.
    """
    if not any(seat.heartbeat for seat in stage.gateway.inbox.seats):
        raise NotShown("the partner's hello asked for no heartbeat")
    offered = stage.offer()
    stage.send(offered)
    for number in range(3):
        ping = (await stage.must(partial(_pings, stage, number), "no ping was due"))[0]
        await stage.must(partial(_ponged, stage, ping), f"ping {ping.message} was not answered")
    await stage.worked(offered)


def _pings(stage: Stage, after: int) -> list[Event]:
    return stage.record.said("ping")[after:]


def _ponged(stage: Stage, ping: Event) -> bool:
    return any(one.message == ping.message for one in stage.record.of("pong", ping.name))


@scenario("reconnect", "断线后恢复", "The one stream")
async def reconnect(stage: Stage) -> None:
    """After every kind of end the partner comes back by itself and goes on where it was.

    The stream ends with OK, with a reset, with GOAWAY; a delivery that was on its way each time must be worked.
    """
    for end in stage.shuffled(("ok", "reset", "goaway")):
        offered = stage.offer()
        mark = stage.mark()
        stage.send(offered)
        await _ended(stage, end)
        await stage.back(mark, f"the partner did not come back after its stream had ended ({end})")
        await stage.worked(offered)


async def _ended(stage: Stage, how: str) -> None:
    if how == "ok":
        stage.gateway.hang_up()
    elif how == "reset":
        await stage.front.reset()
    else:
        await stage.kit.restart(_GRACE)


@scenario("goaway", "服务端重启无感", "The one stream")
async def goaway(stage: Stage) -> None:
    """The mesh ends every connection now and then: nothing is lost, nothing is done twice.

    Referrals are offered while the server is exchanged three times; each must be worked once.
    """
    offered = []
    for _ in range(3):
        batch = [stage.offer() for _ in range(5)]
        offered += batch
        stage.send(*batch)
        await stage.acted("accept", batch[0])
        mark = stage.mark()
        await stage.kit.restart(_GRACE)
        await stage.back(mark, "the partner did not come back after GOAWAY")
    await stage.worked(*offered)
    for one in offered:
        ids = {event.request_id for event in stage.record.of("accept", one.referral.name)}
        if len(ids) > 1:
            raise Broken(f"{one.referral.name} was accepted with {len(ids)} request ids")


@scenario("back-off", "重连须退避并加随机抖动", "The one stream")
async def back_off(stage: Stage) -> None:
    """While the mesh is away the partner does not hammer: it pauses between attempts, by a random length.

    Twice every stream is ended at once for a while, then every connection is turned away for a while. The attempts are
    counted, their pauses compared: two outages with the very same pauses show that there is no jitter.
    """
    pauses = [await _away(stage) for _ in range(2)]
    await _shut(stage)
    await stage.settled()
    if same(*pauses):
        shown = ", ".join(f"{one:.2f}" for one in pauses[0])
        raise Broken(f"the pauses between attempts are the same in two outages ({shown} s): add a random part")


async def _away(stage: Stage) -> list[float]:
    """The pauses between attempts to open a stream."""
    stage.gateway.away = True
    begun, mark = len(stage.record.events), stage.mark()
    await stage.front.reset()
    await asyncio.sleep(stage.pace.outage)
    calls = [one for one in stage.record.events[begun:] if one.heard and one.what in ("stream", "call")]
    stage.gateway.away = False
    hammering(len(calls), stage.pace.outage, "calls")
    await stage.back(mark, "the partner did not come back after an outage")
    return [after.at - before.at for before, after in pairwise(calls)]


async def _shut(stage: Stage) -> None:
    mark, begun = stage.mark(), len(stage.record.of("connect"))
    stage.front.shut = True
    await stage.front.reset()
    await asyncio.sleep(stage.pace.outage)
    stage.front.shut = False
    hammering(len(stage.record.of("connect")) - begun, stage.pace.outage, "connections")
    await stage.back(mark, "the partner did not come back after its connections had been turned away")


def hammering(count: int, seconds: float, what: str) -> None:
    """Broken when there were too many attempts."""
    if count > FIRST + PER_SECOND * seconds:
        raise Broken(
            f"{count} {what} in {seconds:g} s while the mesh was away: pause between attempts, longer each time"
        )


def same(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two series of pauses are equal but for noise, as far as they can be compared."""
    pairs = list(zip(one, other, strict=False))
    if len(pairs) < 3:
        return False
    return all(abs(a - b) <= max(_SAME_SECONDS, _SAME_SHARE * max(a, b)) for a, b in pairs)


@scenario("certificates", "拒绝错误的服务端证书", "Connect")
async def certificates(stage: Stage) -> None:
    """The partner refuses a server whose certificate is wrong, and comes back when it is right again.

    Behind the same address stand, one after the other, servers of another authority, self-signed, expired, of another
    name. Each must be turned away before a call is made.
    """
    if not stage.kit.wrong:
        raise NotShown("without certificates; give the kit some with --identity")
    for wrong in stage.kit.wrong:
        mark = stage.mark()
        async with stage.kit.showing(wrong):
            before = len(stage.record.of("connect"))
            await stage.must(partial(_tried, stage, before), "the partner did not try to come back")
            await stage.record.until(lambda: _fooled(stage), stage.pace.quiet)
        if _fooled(stage):
            raise Broken(f"the partner talks to a server whose certificate is wrong: {wrong.why}")
        await stage.back(mark, "the partner did not come back to the right certificate")
    await stage.settled()


def _pulls(stage: Stage) -> bool:
    return bool(stage.record.of("call", "PullReferrals"))


def _needs_stream(stage: Stage) -> None:
    if _pulls(stage) and not stage.record.of("stream"):
        raise NotShown("the partner holds no stream, it pulls")


def _fooled(stage: Stage) -> bool:
    return bool(stage.record.of("fooled"))


def _tried(stage: Stage, before: int) -> bool:
    return _fooled(stage) or len(stage.record.of("connect")) >= before + _KNOCKS


ALL = (hello, identity, streams, heartbeat, reconnect, goaway, back_off, certificates)
