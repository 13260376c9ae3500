"""Fixtures and hypothesis settings for all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its core writes to standard error, which tests of logs read

import pytest
from hypothesis import HealthCheck, settings

from callmesh.domain.directory import City
from support import city
from support.nats_server import NatsServer

settings.register_profile("callmesh", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("callmesh")


@pytest.fixture(scope="session")
def demo_city() -> City:
    """The city in deploy/city."""
    return city.demo_city()


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[NatsServer]:
    """A real nats-server, gone after the test."""
    server = NatsServer(tmp_path / "nats")
    server.start()
    try:
        yield server
    finally:
        server.kill()
