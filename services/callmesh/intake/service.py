"""Opening a case: who received it, where it is, under which id."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Literal

from callmesh.api.v1 import intake_service_pb2 as pb
from callmesh.domain.case import Actor
from callmesh.domain.directory import Device
from callmesh.domain.errors import Invalid
from callmesh.domain.facts import CaseOpened
from callmesh.domain.numbers import dialled
from callmesh.domain.report import ExternalId, Place, Point, Report, Situation
from callmesh.domain.words import Channel
from callmesh.kernel import ids
from callmesh.ledger import flags
from callmesh.ledger.boot import Mesh
from callmesh.ledger.wire import from_proto, from_timestamp

NARRATIVE_LENGTH = 20_000
NOTE_LENGTH = 4_000
SHORT_LENGTH = 500
LIST_LENGTH = 50


_Time = Literal["occurred_at", "rang_at", "answered_at"]


class Intake:
    """The use cases of intake that need more than parsing."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh

    def opened(self, request: pb.OpenCaseRequest, actor: Actor) -> CaseOpened:
        """The fact that a request asks for; raises Invalid by field."""
        check(request)
        city, settings = self._mesh.city, self._mesh.runtime.settings
        channel = request.channel or Channel.PHONE.value
        device = city.device.get(request.device)
        report = _placed(from_proto(Report, request.report), device)
        division = request.division or (device.division if device else self._division(report))
        external = tuple(from_proto(ExternalId, one) for one in request.external_ids)
        return CaseOpened(
            name=f"cases/{self._case_id(request, channel, external, actor)}",
            channel=channel,
            origin=actor.agency,
            report=report,
            operator=actor.person,
            desk=request.desk,
            device=request.device,
            called_number=request.called_number,
            division=division,
            external_ids=external,
            situation=from_proto(Situation, request.situation),
            caller_key=ids.keyed_hash(settings.number_key, dialled(report.caller.number)),
            emergency=request.emergency or report.caller.silent,  # a silent alarm is the highest there is
            flags=flags.of_channel(channel) + flags.of_division(city, division),
            city_version=city.version,
            occurred_at=_time(request, "occurred_at"),
            rang_at=_time(request, "rang_at"),
            answered_at=_time(request, "answered_at"),
        )

    def _case_id(
        self, request: pb.OpenCaseRequest, channel: str, external: tuple[ExternalId, ...], actor: Actor
    ) -> str:
        """From (channel, external id) if there is one, else from (agency, request id)."""
        settings = self._mesh.runtime.settings
        identity = [actor.agency, request.request_id or ids.new_id()]
        if external:
            identity = [channel, external[0].system, external[0].value]
        return ids.case_id(settings.region, settings.shard, *identity)

    def _division(self, report: Report) -> str:
        point = report.place.point
        if point is None:
            return ""
        return self._mesh.directory.locator.division_at(point.longitude, point.latitude)


def _placed(report: Report, device: Device | None) -> Report:
    """A kiosk's place is fixed: it stands in for what nobody said."""
    if device is None:
        return report
    said = report.place
    point = said.point or Point(device.longitude, device.latitude, "device")
    return replace(report, place=Place(said.text or device.place, point, said.landmark))


def _time(request: pb.OpenCaseRequest, field: _Time) -> datetime | None:
    return from_timestamp(getattr(request, field), field) if request.HasField(field) else None


def check(request: pb.OpenCaseRequest) -> None:
    """Refuses what is too long or out of range, all fields at once."""
    wrong: dict[str, str] = {}
    report = request.report
    _too_long(wrong, "report.narrative", report.narrative, NARRATIVE_LENGTH)
    for name in ("number", "name", "contact_number", "subscriber", "language", "sex"):
        _too_long(wrong, f"report.caller.{name}", getattr(report.caller, name), SHORT_LENGTH)
    for name in ("text", "landmark"):
        _too_long(wrong, f"report.place.{name}", getattr(report.place, name), SHORT_LENGTH)
    for name in ("channel", "desk", "device", "called_number", "division"):
        _too_long(wrong, name, getattr(request, name), 64)
    for name, listed in (
        ("report.attachments", report.attachments),
        ("report.plates", report.plates),
        ("external_ids", request.external_ids),
        ("situation.hazards", request.situation.hazards),
    ):
        if len(listed) > LIST_LENGTH:
            wrong[name] = f"at most {LIST_LENGTH} entries"
    if report.supplements:
        wrong["report.supplements"] = "add words later with AmendCase"
    _check_point(wrong, request)
    _check_counts(wrong, request)
    if wrong:
        zh = f"以下字段有误: {', '.join(wrong)}"
        raise Invalid(f"invalid fields: {', '.join(wrong)}", zh, wrong)


def _too_long(wrong: dict[str, str], name: str, value: str, limit: int) -> None:
    if len(value) > limit:
        wrong[name] = f"at most {limit} characters"


def _check_point(wrong: dict[str, str], request: pb.OpenCaseRequest) -> None:
    if not request.report.place.HasField("point"):
        return
    point = request.report.place.point
    if not (-180 <= point.longitude <= 180 and -90 <= point.latitude <= 90):
        wrong["report.place.point"] = "longitude -180..180, latitude -90..90"


def _check_counts(wrong: dict[str, str], request: pb.OpenCaseRequest) -> None:
    for name in ("trapped", "injured", "dead"):
        if getattr(request.situation, name) < 0:
            wrong[f"situation.{name}"] = "must not be negative"
    for place, one in enumerate(request.external_ids):
        if not one.value or len(one.value) > 128 or len(one.system) > 64:
            wrong[f"external_ids[{place}]"] = "value of 1 to 128 characters, system of at most 64"
