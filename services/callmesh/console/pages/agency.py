"""`/agency` (协办台): what an agency has to do, on a phone, with plain forms that need no script (referral.py)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from callmesh.api.v1 import case_pb2, referral_pb2, tracking_service_pb2
from callmesh.console import links
from callmesh.console.listing import page_of
from callmesh.console.pages.referral import Door, act_on, links_of, name_of, own, picture_of, receipt, shown
from callmesh.console.rows import Due, next_of
from callmesh.console.web import acting, page
from callmesh.states import OPEN

_R, _C = referral_pb2.Referral, case_pb2.Case
_STATES = (_C.REFERRED, _C.DISPUTED)
PAGE_SIZE = 200


@dataclass(frozen=True, slots=True)
class Item:
    """A referral of this agency with its case."""

    case: case_pb2.Case
    referral: referral_pb2.Referral
    due: Due | None

    @property
    def path(self) -> str:
        """Address of its page."""
        return f"/agency/{self.case.name.removeprefix('cases/')}/{self.referral.name.rpartition('/')[2]}"


def items(cases: list[case_pb2.Case], agency: str) -> list[Item]:
    """Open referrals of the agency, those due first at the top."""
    found = [
        Item(case, one, next_of(one))
        for case in cases
        for one in case.referrals
        if one.agency == agency and one.state in OPEN
    ]
    return sorted(found, key=lambda item: item.due.at if item.due else float("inf"))


async def show(request: Request) -> Response:
    """The list: to accept, then at work."""
    by = acting(request)
    wanted = tracking_service_pb2.CaseFilter(agency=by.account.agency, states=_STATES)
    listed = await page_of(by, wanted, PAGE_SIZE, request.query_params.get("page", ""))
    found = items(listed.cases, by.account.agency)
    await asyncio.gather(*(receipt(by, one.referral) for one in found))
    waiting = [one for one in found if one.referral.state == _R.OFFERED]
    working = [one for one in found if one.referral.state != _R.OFFERED]
    more, further = listed.more("/agency", {}), "page" in request.query_params
    return page(request, "agency.html", waiting=waiting, working=working, more=more, further=further)


async def show_one(request: Request) -> Response:
    """One referral with the forms of its state."""
    return await shown(request, Door(acting(request), _base(request)))


async def act(request: Request) -> Response:
    """One act of a form."""
    return await act_on(request, Door(acting(request), _base(request)))


async def make_link(request: Request) -> Response:
    """A link to this referral for somebody without an account; shown once."""
    door, given = Door(acting(request), _base(request)), await request.form()
    await own(door, name_of(request))  # only of one's own referral
    hours = int(str(given.get("hours", ""))) if str(given.get("hours", "")).isdigit() else 0
    hours = hours if hours in links.HOURS else links.HOURS[1]
    token, code = links_of(request).make(name_of(request), door.by.account.agency, hours)
    made = {"url": f"{request.url.scheme}://{request.url.netloc}/r/{token}", "code": code, "hours": hours}
    return await shown(request, door, made=made)


async def picture(request: Request) -> Response:
    """A picture of a case that the person may see."""
    return await picture_of(request, Door(acting(request), _base(request)))


def _base(request: Request) -> str:
    return f"/agency/{request.path_params['case']}/{request.path_params['number']}"


ROUTES = [
    Route("/agency", show),
    Route("/agency/{case}/{number:int}", show_one),
    Route("/agency/{case}/{number:int}/link", make_link, methods=["POST"]),
    Route("/agency/{case}/{number:int}/pictures/{picture}", picture),
    Route("/agency/{case}/{number:int}/{act}", act, methods=["POST"]),
]
