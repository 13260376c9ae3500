"""TrackingService on the wire: parse, call, format; what an answer shows of a case is for `Sights` to say."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator
from typing import Any

from callmesh.api.v1 import case_pb2
from callmesh.api.v1 import tracking_service_pb2 as api
from callmesh.api.v1.tracking_service_pb2_grpc import TrackingServiceServicer
from callmesh.domain.case import Actor
from callmesh.domain.errors import Invalid
from callmesh.domain.names import case_id_of
from callmesh.kernel.ids import keyed_hash
from callmesh.kernel.rpc.call import caller
from callmesh.kernel.telemetry import mark
from callmesh.tracking import filters, pages, queries
from callmesh.tracking.items import event_proto
from callmesh.tracking.service import Tracking
from callmesh.tracking.sights import Sights
from callmesh.tracking.watch import Positions

CASES_PAGE, EVENTS_PAGE = 50, 100
_ETAG = re.compile(r"[0-9]{1,18}")
_RESUME = re.compile(r"w((?::[0-9A-Za-z_-]{1,64}:[0-9]{1,18})+)")


class TrackingServicer(TrackingServiceServicer):
    """The RPCs."""

    def __init__(self, tracking: Tracking, sights: Sights, number_key: str) -> None:
        self._tracking, self._sights, self._number_key = tracking, sights, number_key

    async def GetCase(self, request: api.GetCaseRequest, context: Any) -> case_pb2.Case:
        """One case, at least at the wanted etag."""
        actor, case_id = caller(), _case(request.name)
        wanted, words = _sequence(request.min_etag), self._sights.words(actor)
        return self._sights.case(actor, await self._tracking.case(case_id, wanted, words))

    async def ListCases(self, request: api.ListCasesRequest, context: Any) -> api.ListCasesResponse:
        """A page of cases, newest first."""
        actor = caller()
        size = pages.size_of(request.page_size, CASES_PAGE)
        wanted = self._sights.narrowed(actor, filters.parse(request.filter, self._number_key))
        asked = self._fingerprint(request.filter)
        found, more = await self._tracking.page(wanted, _after(request.page_token, asked), size)
        opened = await self._tracking.opened(found, self._sights.words(actor))
        response = api.ListCasesResponse(cases=self._sights.cases(actor, opened))
        if more:
            response.next_page_token = pages.token("c", asked, found[-1].opened_at, found[-1].case_id)
        return response

    async def ListCaseEvents(self, request: api.ListCaseEventsRequest, context: Any) -> api.ListCaseEventsResponse:
        """A page of a case's events, oldest first."""
        actor = caller()
        size = pages.size_of(request.page_size, EVENTS_PAGE)
        case_id = _case(request.parent, "parent")
        after = _events_after(request.page_token, case_id)
        sight = self._sights.of(actor, await self._tracking.case(case_id, 0))
        rows = await self._tracking.events(case_id, after, size + 1)
        response = api.ListCaseEventsResponse(events=self._sights.events(actor, sight, map(event_proto, rows[:size])))
        if len(rows) > size:
            response.next_page_token = pages.token("e", case_id, rows[size - 1]["sequence"])
        return response

    async def WatchCases(self, request: api.WatchCasesRequest, context: Any) -> AsyncIterator[api.WatchCasesResponse]:
        """First a token alone, then every change that matches."""
        actor = caller()
        wanted = self._sights.narrowed(actor, filters.parse(request.filter, self._number_key))
        after = self._resumed(request.resume_token)
        yield api.WatchCasesResponse(resume_token=_token(after))
        async with contextlib.aclosing(self._tracking.watch(wanted, after)) as changes:
            async for one in changes:
                sight = self._sights.of(actor, one.case)
                after[one.stream] = one.sequence
                alert, token = await self._tracking.alert(one), _token(after)
                for event in self._sights.events(actor, sight, [event_proto(one.event)]):
                    yield api.WatchCasesResponse(resume_token=token, case=sight.case, event=event, alert=alert)

    async def GetTimeline(self, request: api.GetTimelineRequest, context: Any) -> api.Timeline:
        """A case's way, by its name or by any number that it has."""
        actor = caller()
        return self._sights.timeline(actor, await self._tracking.timeline(await self._meant(actor, request)))

    async def GetFigures(self, request: api.GetFiguresRequest, context: Any) -> api.GetFiguresResponse:
        """Figures of a window."""
        actor = caller()
        wanted = self._sights.narrowed(actor, filters.parse(request.filter, self._number_key))
        return await self._tracking.figures(request, wanted)

    async def _meant(self, actor: Actor, request: api.GetTimelineRequest) -> str:
        """The id of the case that is asked for; raises Invalid, NotFound."""
        given = [name for name in ("name", "external_id", "number") if getattr(request, name)]
        if len(given) != 1 or (request.index and "name" in given) or request.index < 0:
            reason = {"name": "give one of name, external_id and number; an index only with the last two"}
            raise Invalid("give one of name, external_id and number", "请只填写编号, 单号或号码中的一项", reason)
        if request.name:
            return _case(request.name)
        asked = api.CaseFilter(external_id=request.external_id, number=request.number)
        wanted = self._sights.narrowed(actor, filters.parse(asked, self._number_key))
        case_id = await self._tracking.known_as(wanted, request.index)
        mark(case=case_id)
        return case_id

    def _fingerprint(self, asked: api.CaseFilter) -> str:
        """Ties a page token to its filter; keyed, since a filter may hold a caller's number."""
        return keyed_hash(self._number_key, "f" + asked.SerializeToString(deterministic=True).hex())[:8]

    def _resumed(self, given: str) -> dict[str, int]:
        if not given:
            return self._tracking.positions
        _, *parts = pages.parts_of(given, _RESUME, "resume_token")[0].split(":")
        after = {stream: int(sequence) for stream, sequence in zip(parts[::2], parts[1::2], strict=True)}
        if after.keys() != set(self._tracking.streams):
            raise pages.foreign("resume_token")
        return after


def _token(after: Positions) -> str:
    return pages.token("w", *(part for one in after.items() for part in one))


def _case(name: str, field: str = "name") -> str:
    case_id = case_id_of(name, field)
    mark(case=case_id)
    return case_id


def _sequence(etag: str) -> int:
    if not etag:
        return 0
    if not _ETAG.fullmatch(etag):
        raise Invalid("min_etag is no etag of ours", "版本号格式不正确", {"min_etag": "an etag of this case"})
    return int(etag)


def _after(token: str, asked: str) -> queries.Key | None:
    if not token:
        return None
    parts = pages.parts_of(token, queries.CASES_TOKEN, "page_token")
    if parts[0] != asked:
        raise pages.foreign("page_token")
    return queries.after_of(parts)


def _events_after(token: str, case_id: str) -> int:
    if not token:
        return 0
    parts = pages.parts_of(token, queries.EVENTS_TOKEN, "page_token")
    if parts[0] != case_id:
        raise pages.foreign("page_token")
    return int(parts[1])
