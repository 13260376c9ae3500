"""`/cases`: the cases this person may see, by filter; the most urgent countdown is the first column."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from callmesh.api.v1 import tracking_service_pb2
from callmesh.console.rows import OPEN_STATES, rows
from callmesh.console.web import acting, page

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
    mesh = acting(request)
    asked = tracking_service_pb2.ListCasesRequest(
        filter=filter_of(request), page_size=PAGE_SIZE, page_token=request.query_params.get("page", "")
    )
    found = await mesh.do(mesh.mesh.tracking.ListCases, asked)
    return page(request, "cases.html", rows=rows(list(found.cases)), more=found.next_page_token)


ROUTES = [Route("/cases", show)]
