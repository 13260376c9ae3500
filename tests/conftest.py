"""Fixtures and hypothesis settings for all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from callmesh.directory.load import load_city
from callmesh.domain.directory import City
from support.nats_server import NatsServer

HISTORIES = int(os.environ.get("CALLMESH_HISTORIES", "0"))
DEMO_CITY = Path(__file__).parent.parent / "deploy" / "city"

settings.register_profile("callmesh", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("callmesh")


@pytest.fixture(scope="session")
def demo_city() -> City:
    """The city in deploy/city."""
    return load_city(DEMO_CITY)


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[NatsServer]:
    """A real nats-server, gone after the test."""
    server = NatsServer(tmp_path / "nats")
    server.start()
    try:
        yield server
    finally:
        server.kill()
