"""Links to one referral: a code, five tries, an end."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from callmesh.console import links
from callmesh.console.links import TRIES, Links

REFERRAL = "cases/r1-0-A/referrals/1"


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


def test_the_code_opens_it_in_this_browser_only(tmp_path: Path) -> None:
    store = Links(tmp_path)
    token, code = store.make(REFERRAL, "locksmith", 8)
    assert store.opened(token, "") is None
    key = store.enter(token, f" {code} ")
    link = store.opened(token, key)
    assert link is not None
    assert (link.referral, link.account.agency, link.account.role) == (REFERRAL, "locksmith", "handler")
    assert link.account.person.startswith("link-")
    assert store.opened(token, "another browser") is None
    assert store.opened("another token", key) is None


def test_five_wrong_codes_end_it(tmp_path: Path) -> None:
    store = Links(tmp_path)
    token, code = store.make(REFERRAL, "locksmith", 8)
    for _ in range(TRIES):
        assert store.find(token) is not None
        assert store.enter(token, wrong(code)) == ""
    assert store.find(token) is None
    assert store.enter(token, code) == ""


def test_its_time_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Links(tmp_path)
    token, code = store.make(REFERRAL, "locksmith", 2)
    key = store.enter(token, code)
    now = links.time.time()
    monkeypatch.setattr(links.time, "time", lambda: now + 2 * 3600 + 1)
    assert store.opened(token, key) is None


def test_a_newer_link_ends_the_older_one_of_that_referral_alone(tmp_path: Path) -> None:
    store = Links(tmp_path)
    old, _ = store.make(REFERRAL, "locksmith", 8)
    other, _ = store.make("cases/r1-0-B/referrals/1", "locksmith", 8)
    new, _ = store.make(REFERRAL, "locksmith", 8)
    assert [store.find(one) is not None for one in (old, other, new)] == [False, True, True]


def test_nothing_on_disk_opens_anything(tmp_path: Path) -> None:
    token, code = Links(tmp_path).make(REFERRAL, "locksmith", 8)
    kept = "".join(f"{one.name} {one.read_text()}" for one in tmp_path.iterdir())
    assert token not in kept
    assert f'"{code}"' not in kept


def test_guesses_in_parallel_have_no_more_tries(tmp_path: Path) -> None:
    store = Links(tmp_path)
    token, code = store.make(REFERRAL, "locksmith", 8)
    begun = threading.Barrier(3 * TRIES)

    def guess(_: int) -> str:
        begun.wait()
        return Links(tmp_path).enter(token, wrong(code))

    with ThreadPoolExecutor(3 * TRIES) as pool:
        assert set(pool.map(guess, range(3 * TRIES))) == {""}
    link = msgspec.json.decode(next(tmp_path.glob("*.json")).read_bytes(), type=links.Link)
    assert link.tries == TRIES
