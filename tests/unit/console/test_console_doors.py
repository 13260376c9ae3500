"""Who gets in: accounts, sessions, and where writes may come from."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
import pytest
from starlette.requests import Request

from callmesh.console.accounts import DEMO_PASSWORD, PAGES, Account, Accounts
from callmesh.console.security import is_ours, local
from callmesh.console.session import Session, Sessions
from callmesh.console.settings import console_settings
from callmesh.console.web import NAV


def test_demo_accounts_are_refused_in_production(tmp_path: Path) -> None:
    assert Accounts(tmp_path, demo=True).check("op110", DEMO_PASSWORD)
    assert Accounts(tmp_path, demo=False).check("op110", DEMO_PASSWORD) is None
    assert Accounts(tmp_path, demo=False).all() == {}


def test_a_password_is_kept_as_argon2id_and_checked(tmp_path: Path) -> None:
    accounts = Accounts(tmp_path, demo=False)
    account = Account(id="li", name="Li", agency="gas", person="g-7", role="partner", password=accounts.hash("secret"))
    accounts.save(account)
    kept = accounts.path.read_text()
    assert "$argon2id$" in kept and "secret" not in kept
    assert accounts.path.stat().st_mode & 0o077 == 0
    assert Accounts(tmp_path, demo=False).check("li", "secret") == account
    assert accounts.check("li", "Secret") is None
    assert accounts.check("nobody", "secret") is None


def test_every_role_has_a_home_and_every_page_a_name() -> None:
    assert all(pages and set(pages) <= set(NAV) for pages in PAGES.values())


def test_a_kiosk_opens_the_board_alone(tmp_path: Path) -> None:
    kiosk = Accounts(tmp_path, demo=True).get("kiosk")
    assert kiosk is not None and kiosk.pages == ("board",)


def test_a_session_outlives_the_process_and_its_cookie_stands_nowhere(tmp_path: Path) -> None:
    token = Sessions(tmp_path, 60, 3600).begin("op110")
    again = Sessions(tmp_path, 60, 3600)
    found = again.find(token)
    assert found is not None and found.account == "op110" and not again.locked(found)
    for file in tmp_path.iterdir():
        assert token not in file.name and token.encode() not in file.read_bytes()
        assert file.stat().st_mode & 0o077 == 0
    again.end(token)
    assert again.find(token) is None


def test_a_session_locks_when_nobody_is_there_and_ends_in_time(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path, idle=60, most=3600)
    now = time.time()
    assert sessions.locked(Session(account="a", begun=now - 61, seen=now - 61))
    assert not sessions.locked(Session(account="a", begun=now - 61, seen=now - 59))
    token = sessions.begin("a")
    (file,) = tmp_path.iterdir()
    file.write_bytes(msgspec.json.encode(Session(account="a", begun=now - 3601, seen=now)))
    assert sessions.find(token) is None and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site", "origin": "https://desk.example"}, False),
        ({"origin": "https://desk.example"}, True),
        ({"origin": "https://desk.example.evil"}, False),
        ({"origin": "null"}, False),
        ({}, False),
    ],
)
def test_a_write_must_come_from_our_own_pages(headers: dict[str, str], ours: bool) -> None:
    given = {"host": "desk.example"} | headers
    raw = [(name.encode(), value.encode()) for name, value in given.items()]
    assert is_ours(Request({"type": "http", "headers": raw})) is ours


@pytest.mark.parametrize("path", ["//evil.example", "https://evil.example", "/\\evil.example", "evil", ""])
def test_a_sign_in_never_leads_to_another_site(path: str) -> None:
    assert local(path) == "/"


def test_settings_name_what_is_wrong() -> None:
    assert console_settings({}).addresses["intake"] == "127.0.0.1:7401"
    given = {"CALLMESH_CONSOLE_SERVICES": "intake=10.0.0.1:1, gateway=10.0.0.2:2"}
    assert console_settings(given).addresses["gateway"] == "10.0.0.2:2"
    with pytest.raises(ValueError, match="CALLMESH_CONSOLE_IDLE_MINUTES"):
        console_settings({"CALLMESH_CONSOLE_IDLE_MINUTES": "soon"})
