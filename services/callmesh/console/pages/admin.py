"""`/admin`: the city's data and this console's accounts.

An edit travels: form -> row -> file of the draft (drafts.py), which nobody else sees -> check by the mesh, the same as
`callmesh directory apply` makes, with a replay of the last cases and every changed destination -> put into force, only
in the version that was checked. Who published meanwhile wins; the second is told and starts from the new version.
Accounts are the console's own: what a person may do in the mesh, the city's data and the services say.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from typing import Any

import grpc
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from callmesh.api.v1 import directory_service_pb2 as pb
from callmesh.console.accounts import PAGES, Account, Accounts
from callmesh.console.drafts import Draft, Drafts
from callmesh.console.parts import NAMES, PARTS, WHOLE_FILES, shown
from callmesh.console.web import View, acting, city_of, page, sentence
from callmesh.directory.codec import squeezed

CHECK_SECONDS = 60.0
REPLAYED = 200
LABELS = {
    "agencies": "Agencies",
    "catalogue": "Catalogue",
    "routes": "Routes",
    "plans": "Plans",
    "guides": "Guides",
    "limits": "Limits",
    "reasons": "Return reasons",
    "grounds": "Grounds of rejection",
    "calendar": "Calendar",
    "policy": "City rules",
    "release": "Release policies",
    "calls": "Telephones and interpreters",
    "repeats": "Repeat rules",
    "patrol": "Patrol rules",
    "devices": "Kiosks and sensors",
}

DONE = {
    "saved": "Saved in the draft. Check it, then put it into force.",
    "applied": "In force.",
    "discarded": "The draft is gone.",
    "account": "The account is saved.",
}


async def show(request: Request) -> Response:
    """What is in force, what is drafted, who may sign in."""
    return await _overview(request)


async def _overview(request: Request, status: int = 200, **more: Any) -> Response:
    version, files = await _in_force(request)
    draft = _drafts(request).read()
    counts = {name: len(part.rows(draft.files.get(part.file) or files[part.file])) for name, part in PARTS.items()}
    given = {"review": None, "error": "", "account_error": "", "typed": {}} | more
    return page(
        request,
        "admin.html",
        status,
        city=city_of(request),
        version=version,
        labels=LABELS,
        counts=counts,
        files_of={name: _file(name) for name in LABELS},
        changed={name for name in LABELS if _file(name) in draft.files},
        draft=draft,
        done=DONE.get(request.query_params.get("done", ""), ""),
        accounts=sorted(_accounts(request).all().values(), key=lambda one: one.id),
        roles=list(PAGES),
        request_id=uuid.uuid4().hex,
        **given,
    )


async def show_part(request: Request) -> Response:
    """The rows of a part, or the whole file."""
    name = request.path_params["part"]
    if name not in LABELS:
        return Response(status_code=404)
    _, text, _ = await _text(request, name)
    if name in WHOLE_FILES:
        return page(request, "admin_file.html", name=name, label=LABELS[name], file=_file(name), text=text)
    part = PARTS[name]
    keys = part.listed(View(request).language)
    rows = [[(key in NAMES, part.cell(row, key)) for key in keys] for row in part.rows(text)]
    return page(request, "admin_part.html", name=name, label=LABELS[name], keys=keys, rows=rows)


async def save_file(request: Request) -> Response:
    """A whole file of the draft."""
    name = request.path_params["part"]
    if name not in WHOLE_FILES:
        return Response(status_code=404)
    given = await request.form()
    await _change(request, name, str(given.get("text", "")).replace("\r\n", "\n"))
    return RedirectResponse("/admin?done=saved", 303)


async def show_row(request: Request) -> Response:
    """The form of one row; `new` is one more."""
    name, place = request.path_params["part"], request.path_params["row"]
    if name not in PARTS:
        return Response(status_code=404)
    _, text, _ = await _text(request, name)
    rows = PARTS[name].rows(text)
    if place != "new" and not (place.isdecimal() and int(place) < len(rows)):
        return Response(status_code=404)
    row = {} if place == "new" else rows[int(place)]
    values = {one.name: shown(row.get(one.name, "")) for one in PARTS[name].fields}
    return page(request, "admin_row.html", name=name, label=LABELS[name], part=PARTS[name], place=place, values=values)


async def save_row(request: Request) -> Response:
    """One row of the draft: changed, added, or taken out."""
    name, place = request.path_params["part"], request.path_params["row"]
    if name not in PARTS:
        return Response(status_code=404)
    given = {key: value for key, value in (await request.form()).items() if isinstance(value, str)}
    part = PARTS[name]
    _, text, _ = await _text(request, name)
    rows = part.rows(text)
    if place == "new":
        rows.append(part.typed(given))
    elif not (place.isdecimal() and int(place) < len(rows)):
        return Response(status_code=404)
    elif given.get("remove") == "1":
        del rows[int(place)]
    else:
        rows[int(place)] = part.typed(given)
    await _change(request, name, part.text(rows))
    return RedirectResponse(f"/admin/{name}?done=saved", 303)


async def check(request: Request) -> Response:
    """Faults, or what the draft would send elsewhere."""
    by, draft = acting(request), _drafts(request).read()
    asked = pb.CheckCityRequest(base_version=draft.base, files=_files(draft), cases=REPLAYED)
    try:
        found = await by.do(by.mesh.directory.CheckCity, asked, CHECK_SECONDS)
    except grpc.aio.AioRpcError as wrong:
        return await _overview(request, 409, error=sentence(View(request), wrong))
    return await _overview(request, review=found.review)


async def apply(request: Request) -> Response:
    """Puts the checked draft into force."""
    by, draft, given = acting(request), _drafts(request).read(), await request.form()
    asked = pb.ApplyCityRequest(
        request_id=str(given.get("request_id", "")),
        base_version=draft.base,
        files=_files(draft),
        version=str(given.get("version", "")),
        emergencies_reviewed=given.get("reviewed") == "1",
    )
    try:
        await by.do(by.mesh.directory.ApplyCity, asked, CHECK_SECONDS)
    except grpc.aio.AioRpcError as wrong:
        return await _overview(request, 409, error=sentence(View(request), wrong))
    _drafts(request).discard()
    return RedirectResponse("/admin?done=applied", 303)


async def discard(request: Request) -> Response:
    """Throws the draft away."""
    _drafts(request).discard()
    return RedirectResponse("/admin?done=discarded", 303)


async def download(request: Request) -> Response:
    """A file as it is in force, to keep the folder that `directory apply` reads in step."""
    _, files = await _in_force(request)
    name = request.path_params["file"]
    if name not in files:
        return Response(status_code=404)
    return PlainTextResponse(files[name], headers={"content-disposition": f'attachment; filename="{name}"'})


async def save_account(request: Request) -> Response:
    """Adds or changes somebody who may sign in here."""
    given = {key: value.strip() for key, value in (await request.form()).items() if isinstance(value, str)}
    accounts, wrong = _accounts(request), _wrong_account(request, given)
    if wrong:
        return await _overview(request, 422, account_error=wrong, typed=given)
    old = accounts.get(given["id"])
    hashed = await asyncio.to_thread(accounts.hash, given["password"]) if given.get("password") else ""
    account = Account(
        id=given["id"],
        name=given["name"],
        name_en=given.get("name_en", "") or (old.name_en if old else ""),
        agency=given.get("agency", ""),
        person=given["person"],
        role=given["role"],
        password=hashed or (old.password if old else ""),
        subject=given.get("subject", "") or (old.subject if old else ""),
    )
    await asyncio.to_thread(accounts.save, account)
    return RedirectResponse("/admin?done=account", 303)


def _wrong_account(request: Request, given: Mapping[str, str]) -> str:
    """What is missing, as a sentence; "" when nothing is."""
    say, city = View(request).say, city_of(request)
    if not all(given.get(name) for name in ("id", "name", "person", "role")):
        return say("Account, name, staff number and role are needed.")
    if given["role"] not in PAGES or (given.get("agency", "") not in city.agency and given["role"] != "ops"):
        return say("Choose an agency of this city and a role.")
    old = _accounts(request).get(given["id"])
    if len(given.get("password", "")) < 10 and not (old and not given.get("password")):
        return say("A password needs ten characters or more.")
    return ""


# --- the draft and what is in force ----------------------------------------------------------------


async def _in_force(request: Request) -> tuple[str, dict[str, str]]:
    by = acting(request)
    found = await by.do(by.mesh.directory.GetCity, pb.GetCityRequest())
    return found.version, {one.name: one.text for one in found.files}


async def _text(request: Request, name: str) -> tuple[str, str, dict[str, str]]:
    """Version in force, the part's text in the draft, and all files in force."""
    version, files = await _in_force(request)
    return version, _drafts(request).read().files.get(_file(name), files[_file(name)]), files


async def _change(request: Request, name: str, text: str) -> None:
    version, files = await _in_force(request)
    _drafts(request).change(version, files, _file(name), text)


def _file(name: str) -> str:
    return PARTS[name].file if name in PARTS else WHOLE_FILES[name]


def _files(draft: Draft) -> list[pb.CityFile]:
    return [pb.CityFile(name=name, squeezed=squeezed(text)) for name, text in draft.files.items()]


def _drafts(request: Request) -> Drafts:
    found: Drafts = request.app.state.drafts
    return found


def _accounts(request: Request) -> Accounts:
    found: Accounts = request.app.state.accounts
    return found


ROUTES = [
    Route("/admin", show),
    Route("/admin/check", check, methods=["POST"]),
    Route("/admin/apply", apply, methods=["POST"]),
    Route("/admin/discard", discard, methods=["POST"]),
    Route("/admin/accounts", save_account, methods=["POST"]),
    Route("/admin/files/{file}", download),
    Route("/admin/{part}", show_part),
    Route("/admin/{part}", save_file, methods=["POST"]),
    Route("/admin/{part}/{row}", show_row),
    Route("/admin/{part}/{row}", save_row, methods=["POST"]),
]
