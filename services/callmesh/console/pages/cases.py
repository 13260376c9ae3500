"""`/cases`: the cases this person may see, by filter; the most urgent countdown is the first column."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from callmesh.api.v1 import tracking_service_pb2
from callmesh.console.listing import page_of
from callmesh.console.rows import OPEN_STATES, rows
from callmesh.console.web import acting, city_of, page
from callmesh.console.words import CASE_STATE, LEVEL
from callmesh.domain.names import SHORT

PAGE_SIZE = 50


def filter_of(request: Request) -> tracking_service_pb2.CaseFilter:
    """The filter in the query: state, level, agency, category, overdue, and one box for any number."""
    asked = request.query_params
    wanted = tracking_service_pb2.CaseFilter(
        agency=asked.get("agency", ""),
        category=asked.get("category", ""),
        overdue=asked.get("overdue", "") == "1",
    )
    state = asked.get("state", "open")
    if state == "open":
        wanted.states.extend(OPEN_STATES)
    elif state.isdigit():
        wanted.states.append(int(state))  # type: ignore[arg-type]
    if asked.get("level", "").isdigit():
        wanted.levels.append(int(asked["level"]))  # type: ignore[arg-type]
    return wanted


async def show(request: Request) -> Response:
    """The list."""
    return await _list(request, filter_of(request))


async def find(request: Request) -> Response:
    """Cases of a caller's number, of their own, or of one in another system; it comes in the body, never in an address.

    A caller's number has no letters: who types a case's number and presses Enter means the case.
    """
    given = await request.form()
    number = str(given.get("number", "")).strip()
    if not number:
        return await show(request)
    if given.get("kind", "") == "order" or any(one.isascii() and one.isalpha() for one in number):
        return await _list(request, await _ordered(request, number), number)
    return await _list(request, tracking_service_pb2.CaseFilter(number=number), number)


async def _ordered(request: Request, number: str) -> tracking_service_pb2.CaseFilter:
    """What finds cases by that number: somebody else's, or what screens show of our own."""
    elsewhere = tracking_service_pb2.CaseFilter(external_id=number)
    found = await page_of(acting(request), elsewhere, 1)
    if found.cases or len(number) < SHORT:
        return elsewhere
    return tracking_service_pb2.CaseFilter(id=number)


async def _list(request: Request, wanted: tracking_service_pb2.CaseFilter, number: str = "") -> Response:
    asked = request.query_params
    found = await page_of(acting(request), wanted, PAGE_SIZE, asked.get("page", ""))
    chosen = {name: asked.get(name, "") for name in ("state", "level", "category", "agency", "overdue")}
    return page(
        request,
        "cases.html",
        rows=rows(found.cases),
        count=found.counted(len(found.cases)),
        more=found.more("/cases", asked),
        further="page" in asked,
        chosen=chosen,
        number=number,
        city=city_of(request),
        here=f"/cases?{urlencode(asked)}",
        states=CASE_STATE,
        levels=LEVEL,
    )


ROUTES = [Route("/cases", show), Route("/cases", find, methods=["POST"])]
