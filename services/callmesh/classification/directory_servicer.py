"""DirectoryService: parse, call, format."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from callmesh.api.v1 import directory_service_pb2 as pb
from callmesh.api.v1.directory_service_pb2_grpc import DirectoryServiceServicer
from callmesh.classification.drafts import Drafts, Review
from callmesh.classification.replay import Change
from callmesh.directory.codec import Undecodable, text_of
from callmesh.directory.faults import in_chinese
from callmesh.directory.problems import Problem
from callmesh.directory.write import files_of
from callmesh.domain.errors import Invalid

_SHOWN = 200


class DirectoryServicer(DirectoryServiceServicer):
    """One method an RPC."""

    def __init__(self, drafts: Drafts) -> None:
        self._drafts = drafts

    async def GetCity(self, request: pb.GetCityRequest, context: Any) -> pb.GetCityResponse:
        city = self._drafts.city
        files = [pb.CityFile(name=name, text=text) for name, text in files_of(city).items()]
        return pb.GetCityResponse(version=city.version, files=files)

    async def CheckCity(self, request: pb.CheckCityRequest, context: Any) -> pb.CheckCityResponse:
        found = await self._drafts.check(request.base_version, _texts(request.files), request.cases)
        return pb.CheckCityResponse(review=_review(found))

    async def ApplyCity(self, request: pb.ApplyCityRequest, context: Any) -> pb.ApplyCityResponse:
        files, reviewed = _texts(request.files), request.emergencies_reviewed
        found = await self._drafts.apply(request.base_version, files, request.version, reviewed)
        return pb.ApplyCityResponse(review=_review(found))


def _texts(files: Iterable[pb.CityFile]) -> dict[str, str]:
    return {one.name: _text(one) for one in files}


def _text(file: pb.CityFile) -> str:
    try:
        return text_of(file.squeezed) if file.squeezed else file.text
    except Undecodable:
        zh = "文件压缩内容无法解开或过大"
        raise Invalid("a squeezed file cannot be read", zh, {"files": f"{file.name}: no zlib, or too long"}) from None


def _review(found: Review) -> pb.CityReview:
    changes = found.replayed.changes
    return pb.CityReview(
        version=found.city.version if found.city else "",
        version_in_force=found.in_force,
        faults=[_fault(one) for one in found.faults],
        cases=found.replayed.cases,
        changes=[_change(one) for one in changes[:_SHOWN]],
        changes_count=len(changes),
        emergencies_count=found.replayed.emergencies,
    )


def _fault(one: Problem) -> pb.CityFault:
    return pb.CityFault(file=one.file, line=one.line, reason=one.reason, reason_zh=in_chinese(one.reason))


def _change(one: Change) -> pb.DestinationChange:
    return pb.DestinationChange(
        case=f"cases/{one.id}",
        emergency=one.emergency,
        category=one.before.category,
        draft_category=one.after.category,
        agencies=one.before.agencies,
        draft_agencies=one.after.agencies,
    )
