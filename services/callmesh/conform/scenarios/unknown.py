"""The contract grows: fields, kinds, states and codes that a partner has never heard of."""

from __future__ import annotations

from callmesh.api.v1 import gateway_service_pb2 as pb
from callmesh.conform.scenario import scenario
from callmesh.conform.stage import Broken, Stage

_FIELD = b"\xa2\xb9\x02\x03new"  # field 5012, a string
_NUMBER = b"\xa8\xb9\x02\x2a"  # field 5013, a number
_KIND, _ENUM = 99, 77


@scenario("unknown-field", "遇到未知字段", "What you will see of a case")
async def unknown_field(stage: Stage) -> None:
    """Fields of a later version are passed over.

    A delivery whose message, case and referral hold fields with unknown numbers is receipted and worked.
    """
    offered = stage.offer()
    for part in (offered, offered.case, offered.referral, offered.case.report):
        part.MergeFromString(_FIELD + _NUMBER)
    stage.send(offered)
    await stage.receipted(offered)
    await stage.worked(offered)


@scenario("unknown-kind", "遇到未知投递类型", "What you will see of a case")
async def unknown_kind(stage: Stage) -> None:
    """A kind of delivery that is not known is receipted and shown; it ends nothing.

    News of a kind with an unknown number come; the stream must stay open and the delivery be receipted.
    """
    offered = stage.offer()
    stage.send(offered)
    await stage.worked(offered)
    ended = len(stage.record.of("end"))
    news = stage.news(offered, pb.Delivery.SUPPLEMENTED)
    news.kind = _KIND  # type: ignore[assignment]
    stage.send(news)
    await stage.receipted(news)
    await stage.settled()
    if len(stage.record.of("end")) > ended:
        raise Broken("the partner ended its stream at a kind of delivery that it does not know")


@scenario("unknown-code", "遇到未知代码", "What you will see of a case")
async def unknown_code(stage: Stage) -> None:
    """Codes are data: an unknown category, channel or hazard is worked like any other.

    Enumerations with unknown numbers stand beside: level, consent.
    """
    offered = stage.offer()
    case = offered.case
    case.classification.category, case.channel = "conform-2099.tomorrow", "hologram"
    case.situation.hazards.append("conform_hazard")
    case.flags.extend(["unknown_category", "unknown_channel"])
    case.classification.level = case.report.caller.consent = _ENUM  # type: ignore[assignment]
    stage.send(offered)
    await stage.receipted(offered)
    await stage.worked(offered)


ALL = (unknown_field, unknown_kind, unknown_code)
