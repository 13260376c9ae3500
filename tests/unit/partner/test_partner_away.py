"""A program that cannot reach the mesh says so where its author looks: on standard error, without any setting."""

from __future__ import annotations

import asyncio

import pytest

from callmesh.partner import Partner
from support.waiting import until


async def test_who_never_gets_through_is_told(caplog: pytest.LogCaptureFixture) -> None:
    partner = Partner("127.0.0.1:1", "water", person="W-017")
    partner.on_referral(lambda delivery: asyncio.sleep(0))
    running = asyncio.create_task(partner.run())
    await until(lambda: any(one.levelname == "WARNING" for one in caplog.records), "a warning")
    assert "next attempt within" in caplog.text
    partner.stop()
    await running
