"""Calls at the desk: who rings, who talks, who has to be called back, and the presses that change it.

The part names the case that was sent last, so that what became of its call stays in sight when nobody answered.
"""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from callmesh.api.v1 import case_pb2, common_pb2, tracking_service_pb2
from callmesh.console.calls import Calls, is_pushed
from callmesh.console.rows import Due
from callmesh.console.web import View, acting, page, sentence
from callmesh.domain.names import short
from callmesh.states import LIVE, is_owed

_F = tracking_service_pb2.CaseFilter


async def part(request: Request) -> Response:
    """Everything on a line or owed a call, and the case that was sent last."""
    return page(request, "desk_calls.html", **await shown(request))


async def shown(request: Request) -> dict[str, Any]:
    """What the part shows."""
    last = request.query_params.get("case", "")
    found, sent = await asyncio.gather(_calling(request), _sent(request, last))
    cases = [*sent, *(one for one in found if one.name != last)]
    return {"calls": cases, "last": last, "live": LIVE, "owed": is_owed, "pushed": is_pushed, "back_due": back_due}


def back_due(leg: case_pb2.CallLeg) -> Due:
    """Until when the caller is to be called back."""
    return Due(leg.call_back.due.seconds, common_pb2.LIMIT_CALL_BACK, leg.call_back.agency)


async def _calling(request: Request) -> list[case_pb2.Case]:
    me = acting(request)
    wanted = _F(attention=[_F.ON_CALL, _F.CALL_BACK])
    asked = tracking_service_pb2.ListCasesRequest(filter=wanted, page_size=100)
    return [one for one in (await me.do(me.mesh.tracking.ListCases, asked)).cases if one.call_legs]


async def _sent(request: Request, name: str) -> list[case_pb2.Case]:
    if not name:
        return []
    me = acting(request)
    found = await me.do(me.mesh.tracking.GetCase, tracking_service_pb2.GetCaseRequest(name=name))
    return [found] if found.call_legs else []


async def press(request: Request) -> Response:
    """One press on a leg."""
    view, given = View(request), await request.json()
    calls = Calls(acting(request), str(given["id"]))
    case, leg = str(given["case"]), str(given.get("leg", ""))
    acts = {
        "conference": lambda: calls.conference(case, str(given.get("agency", ""))),
        "leave": lambda: calls.leave(case, leg),
        "hang_up": lambda: calls.hang_up(case, leg),
        "called_back": lambda: calls.called_back(case, leg),
        "not_reached": lambda: calls.called_back(case, leg, reached=False),
    }
    try:
        done = await acts[str(given["do"])]()
    except grpc.aio.AioRpcError as wrong:
        return JSONResponse({"error": sentence(view, wrong)}, 409)
    return JSONResponse({"done": True, "short": short(done.name)})


ROUTES = [Route("/desk/calls", part), Route("/desk/call", press, methods=["POST"])]
