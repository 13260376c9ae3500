"""`/supervise` (督办台): what is late or stuck, and what a supervisor or a commander does about it, each with a reason.

A view is one question to tracking (`CaseFilter.attention`, `due_before`), asked again when something changed and, since
a case gets due by time alone, every so often (`data-ages`); the chosen case opens beside the list with
the acts that its state allows. An act travels as on the agency desk: one RPC as the signed-in person; what is refused
comes back with the words that were typed and the sentence that says what to do. Who may, the services decide.
"""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from callmesh.api.v1 import case_pb2, tracking_service_pb2
from callmesh.console.clients import Acting
from callmesh.console.handling import Typed
from callmesh.console.listing import page_of
from callmesh.console.oversight import ACTS, Chance, chances
from callmesh.console.rows import OPEN_STATES, Row, rows
from callmesh.console.web import View, acting, city_of, is_away, page, sentence

_F = tracking_service_pb2.CaseFilter
PAGE_SIZE = 200
SOON_SECONDS = 30 * 60
VIEWS = {
    "due": "Due soon",
    "overdue": "Overdue",
    "pending": "To decide",
    "returned": "Returned twice",
    "disputed": "Disputes",
    "repeated": "Repeats",
    "findings": "Findings",
    "watched": "Watched",
}
_ATTENTION = {
    "pending": _F.PENDING,
    "returned": _F.RETURNED_TWICE,
    "disputed": _F.DISPUTED,
    "repeated": _F.REPEATED,
    "findings": _F.FINDING,
    "watched": _F.WATCHED,
}


@dataclass(frozen=True, slots=True)
class Refused:
    """A form that the mesh did not take: which, as it was typed, why, and the request id to keep."""

    act: str
    target: str
    typed: Typed
    error: str
    request_id: str


def filter_of(view: str, now: float) -> tracking_service_pb2.CaseFilter:
    """The question behind a view; `now` in seconds since 1970."""
    if view in _ATTENTION:
        return _F(attention=[_ATTENTION[view]])
    until = math.ceil(now + SOON_SECONDS) if view == "due" else int(now)  # what has just got half an hour is due soon
    return _F(states=OPEN_STATES, due_before=Timestamp(seconds=until))


def shown(view: str, found: list[Row], now: float) -> list[Row]:
    """Rows of a view; what is late already is not due soon."""
    return [one for one in found if one.due and one.due.at >= now] if view == "due" else found


async def show(request: Request) -> Response:
    """A view, and the chosen case beside it."""
    return await _page(request)


async def act(request: Request) -> Response:
    """One act on a case or one of its referrals."""
    by, given = acting(request), await request.form()
    name = f"cases/{request.path_params['case']}"
    kind, target = request.path_params["act"], str(given.get("target", "")) or name
    if kind not in ACTS or not target.startswith(name):
        return Response(status_code=404)
    typed = Typed({key: value for key, value in given.items() if isinstance(value, str)})
    try:
        after = await ACTS[kind](by, target, typed)
    except grpc.aio.AioRpcError as wrong:
        kept = typed["request_id"] if is_away(wrong) else uuid.uuid4().hex
        refused = Refused(kind, target, typed, sentence(View(request), wrong), kept)
        return await _page(request, name, refused)
    view = _view(typed["view"])
    return RedirectResponse(
        f"/supervise?view={view}&case={request.path_params['case']}&done={kind}&etag={after.etag}", 303
    )


async def _page(request: Request, chosen: str = "", refused: Refused | None = None) -> Response:
    by, now = acting(request), time.time()
    asked = request.query_params
    view = _view(refused.typed["view"] if refused else asked.get("view", ""))
    chosen = chosen or (f"cases/{asked['case']}" if asked.get("case") else "")
    case = await _chosen(by, chosen, asked.get("etag", "")) if chosen else None
    found = await page_of(by, filter_of(view, now), PAGE_SIZE, asked.get("page", ""))
    listed = shown(view, rows(found.cases), now)
    return page(
        request,
        "supervise.html",
        409 if refused else 200,
        views=VIEWS,
        view=view,
        rows=listed,
        count=found.counted(len(listed)),
        more=found.more("/supervise", {"view": view}),
        further="page" in asked,
        case=case,
        offered=offered(case, by) if case else [],
        refused=refused,
        done=asked.get("done", "") if asked.get("done", "") in ACTS else "",
        agencies=city_of(request).agencies,
        request_id=uuid.uuid4().hex,
    )


async def _chosen(by: Acting, name: str, etag: str) -> case_pb2.Case:
    return await by.do(by.mesh.tracking.GetCase, tracking_service_pb2.GetCaseRequest(name=name, min_etag=etag))


def offered(case: case_pb2.Case, by: Acting) -> list[Chance]:
    """What this person can do about the case."""
    return chances(case, commander=by.account.role == "commander")


def _view(asked: str) -> str:
    views: Mapping[str, str] = VIEWS
    return asked if asked in views else "due"


ROUTES = [Route("/supervise", show), Route("/supervise/{case}/{act}", act, methods=["POST"])]
