"""Realistic messages: one case's whole life, made by the real domain with the real city's data.

The floors echo, publish and deliver messages of exactly these sizes, and the growth section fills the log
with copies of them, so a floor and the figure beside it carry the same load.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from callmesh.api.v1 import case_pb2, common_pb2, intake_service_pb2, report_pb2, transfer_service_pb2
from callmesh.api.v1 import gateway_service_pb2 as gateway_pb2
from callmesh.domain import commands as c
from callmesh.domain import routing
from callmesh.domain.case import Actor, Case, Classification, FollowUp
from callmesh.domain.decide import decide
from callmesh.domain.directory import City
from callmesh.domain.evolve import evolve
from callmesh.domain.facts import CaseOpened, Fact, Stamp
from callmesh.domain.report import Caller, Place, Point, Report
from callmesh.domain.words import ActorKind, EmergencyRule, Level, Mode, Verdict
from callmesh.facts.v1 import facts_pb2
from callmesh.kernel import ids
from callmesh.ledger.record import encode

ORIGIN_KIND, OPERATOR, HANDLER = "police", "0001", "h0001"
NARRATIVE = (
    "家里从前天晚上开始没有水, 整栋楼都一样, 物业说不清楚什么时候恢复, 老人做饭和洗漱都很不方便, "
    "请帮忙问问原因并尽快处理, 处理好了回个电话。"
)
PLACE, LANDMARK = "滨河区建设路12号院3号楼2单元", "建设路小学东门"
RESULT, REPLY = "现场查明为楼前阀门故障, 已更换阀门并冲洗管道, 水压恢复正常。", "阀门已更换, 供水已恢复。"
PROGRESS = "抢修人员已到场, 正在关阀排查。"
FACTS = (
    "case_opened",
    "case_classified",
    "case_transferred",
    "referral_received",
    "referral_accepted",
    "progress_reported",
    "referral_resolved",
    "follow_up_recorded",
    "case_closed",
)
MOST_AGENCIES = 8
_SPREAD = 0.2  # degrees: the bench's callers live all over the city


@dataclass(frozen=True)
class Way:
    """A category that leads to one agency alone, and that agency."""

    category: str
    agency: str


@dataclass(frozen=True)
class Scene:
    """Where the bench's cases happen: a city, a place in it, who opens, and the ways they may go."""

    city: City
    origin: str
    longitude: float
    latitude: float
    division: str
    ways: tuple[Way, ...]

    @cached_property
    def life(self) -> list[facts_pb2.Record]:
        """The records of a case's whole life, as the log holds them."""
        return list(_life(self))

    @cached_property
    def case(self) -> case_pb2.Case:
        """What TransferCase answers."""
        case = case_pb2.Case()
        case.CopyFrom(self.life[FACTS.index("case_transferred")].case)
        case.etag = "1234567"
        return case

    @cached_property
    def delivery(self) -> gateway_pb2.Delivery:
        """What a partner is sent."""
        delivery = gateway_pb2.Delivery(kind=gateway_pb2.Delivery.Kind.OFFERED, case=self.case)
        delivery.referral.CopyFrom(self.case.referrals[0])
        return delivery

    def opening(self) -> intake_service_pb2.OpenCaseRequest:
        """A report as a desk sends it; the request id is still to be set."""
        point = common_pb2.Point(longitude=self.longitude, latitude=self.latitude, source="operator")
        report = report_pb2.Report(
            caller=report_pb2.Caller(number="00000000000", name="来电人"),
            narrative=NARRATIVE,
            place=report_pb2.Place(text=PLACE, point=point, landmark=LANDMARK),
        )
        return intake_service_pb2.OpenCaseRequest(
            report=report, channel="phone", desk="A01", called_number="110", division=self.division
        )


def another(opening: intake_service_pb2.OpenCaseRequest) -> intake_service_pb2.OpenCaseRequest:
    """The same report by somebody else, somewhere else in the city: the same again would be a repeated matter."""
    request = intake_service_pb2.OpenCaseRequest()
    request.CopyFrom(opening)
    request.request_id = ids.new_id()
    caller, place = request.report.caller, request.report.place
    caller.number = f"1{random.randrange(10**10):010d}"
    caller.name = f"来电人{random.randrange(10**12)}号"
    place.text = f"{place.text}{random.randrange(10**12)}室"
    place.point.longitude += random.uniform(-_SPREAD, _SPREAD)
    place.point.latitude += random.uniform(-_SPREAD, _SPREAD)
    return request


def transfer_request(name: str, etag: str = "1234567") -> transfer_service_pb2.TransferCaseRequest:
    """The one key."""
    return transfer_service_pb2.TransferCaseRequest(request_id=ids.new_id(), name=name, etag=etag)


def scene(folder: Path) -> Scene:
    """The stage of a city folder; ValueError when its data leads nowhere simple."""
    from callmesh.directory.load import load_city

    city = load_city(folder)
    origin = next(one.id for one in city.agencies_of_kind[ORIGIN_KIND] if one.entry)
    longitude, latitude, division = _somewhere(city)
    ways = tuple(_ways(city, origin, division))[:MOST_AGENCIES]
    if not ways:
        raise ValueError(f"{folder}: no ordinary category leads to one agency alone")
    return Scene(city, origin, longitude, latitude, division, ways)


def _somewhere(city: City) -> tuple[float, float, str]:
    """A point inside some division, and the smallest division there."""
    from callmesh.directory.locate import Locator

    locator = Locator(city)
    for ring in (one.rings[0] for one in reversed(city.divisions) if one.rings):
        longitude, latitude = (sum(one) / len(ring) for one in zip(*ring, strict=True))
        found = locator.division_at(longitude, latitude)
        if found:
            return longitude, latitude, found
    return 0.0, 0.0, ""


def _ways(city: City, origin: str, division: str) -> Iterator[Way]:
    """Ordinary categories that lead to one agency which is not the origin, an agency once."""
    seen = {origin}
    for category in city.categories:
        if category.emergency == EmergencyRule.ALWAYS or category.level in (Level.P0, Level.P1):
            continue
        question = routing.Question(category.id, division, origin, ids.now())
        chosen = routing.choose(city, question)
        if len(chosen) == 1 and chosen[0].agency not in seen:
            seen.add(chosen[0].agency)
            yield Way(category.id, chosen[0].agency)


def _life(scene: Scene) -> Iterator[facts_pb2.Record]:
    name = f"cases/{ids.case_id('r1', 0, 'bench', ids.new_id())}"
    case: Case | None = None
    recent: tuple[int, ...] = ()
    for agency, person, command in _commands(scene, name):
        actor = Actor(ActorKind.PERSON, agency, person, "operator")
        stamp = Stamp(f"{name[6:]}:{agency}:{ids.new_id()}", ids.now(), actor, "", 2**63)
        body = decide(case, command, stamp)
        assert body is not None, command
        fact = Fact(stamp, body)
        case = evolve(case, fact)
        record = encode(fact, case, recent)
        recent = tuple(record.recent)
        yield record


def _commands(scene: Scene, name: str) -> Iterator[tuple[str, str, c.Command]]:
    city, way = scene.city, scene.ways[0]
    row, referral = city.category[way.category], f"{name}/referrals/1"
    question = routing.Question(way.category, scene.division, scene.origin, ids.now())
    desk, partner = (scene.origin, OPERATOR), (way.agency, HANDLER)
    classified = Classification(
        Verdict.ROUTE, row.level, way.category, reason="核实", version="lex-00000000", by_person=True
    )
    yield *desk, c.Open(_opened(scene, name))
    yield *desk, c.Classify(classified)
    yield *desk, c.Transfer(routing.choose(city, question), Mode.PUSH, city.calendar, city_version=city.version)
    yield *partner, c.Receive(referral, city.calendar, city.policy.return_within)
    yield *partner, c.Accept(referral, HANDLER, city.calendar)
    yield *partner, c.Progress(referral, PROGRESS, True)
    yield *partner, c.Resolve(referral, RESULT, REPLY)
    yield *desk, c.RecordFollowUp(FollowUp(reached=True, solved=True, satisfied=5))
    yield *desk, c.Close("")


def _opened(scene: Scene, name: str) -> CaseOpened:
    place = Place(PLACE, Point(scene.longitude, scene.latitude, "operator"), LANDMARK)
    return CaseOpened(
        name=name,
        channel="phone",
        origin=scene.origin,
        report=Report(Caller(number="00000000000", name="来电人"), NARRATIVE, place=place),
        operator=OPERATOR,
        desk="A01",
        called_number="110",
        division=scene.division,
        caller_key=ids.keyed_hash("bench", "00000000000"),
        city_version=scene.city.version,
    )
