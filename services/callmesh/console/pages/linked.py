"""`/r/TOKEN`: one referral for who has a link and its code (links.py), and nothing else."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from callmesh.console import links
from callmesh.console.clients import Acting
from callmesh.console.pages.referral import Door, act_on, links_of, picture_of, shown
from callmesh.console.web import page


async def linked(request: Request) -> Response:
    """The referral if the code was entered, else the question for it."""
    door = _door(request)
    if door is None:
        return _code_form(request, known=links_of(request).find(request.path_params["token"]) is not None)
    return await shown(request, door)


async def enter_code(request: Request) -> Response:
    """Checks the code."""
    token, given = request.path_params["token"], await request.form()
    key = links_of(request).enter(token, str(given.get("code", "")))
    if not key:
        return _code_form(request, links_of(request).find(token) is not None, wrong=True)
    response = RedirectResponse(f"/r/{token}", 303)
    response.set_cookie(links.COOKIE, key, path="/", secure=True, httponly=True, samesite="lax")
    return response


async def linked_act(request: Request) -> Response:
    """One act of who came by link."""
    door = _door(request)
    if door is None:
        return RedirectResponse(f"/r/{request.path_params['token']}", 303)
    return await act_on(request, door)


async def linked_picture(request: Request) -> Response:
    """A picture for who came by link."""
    door = _door(request)
    return Response(status_code=404) if door is None else await picture_of(request, door)


def _door(request: Request) -> Door | None:
    token = request.path_params["token"]
    link = links_of(request).opened(token, request.cookies.get(links.COOKIE, ""))
    if link is None:
        return None
    request.state.referral = link.referral
    return Door(Acting(request.app.state.mesh, link.account), f"/r/{token}", linked=True)


def _code_form(request: Request, known: bool, wrong: bool = False) -> Response:
    status = 403 if wrong else 200 if known else 404
    return page(request, "link_code.html", status, known=known, wrong=wrong)


ROUTES = [
    Route("/r/{token}", linked),
    Route("/r/{token}", enter_code, methods=["POST"]),
    Route("/r/{token}/pictures/{picture}", linked_picture),
    Route("/r/{token}/{act}", linked_act, methods=["POST"]),
]
