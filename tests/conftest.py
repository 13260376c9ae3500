"""Fixtures, hypothesis settings and the dealing to workers for all tests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its core writes to standard error, which tests of logs read

import pytest
from hypothesis import HealthCheck, Phase, settings
from xdist.remote import Producer

from callmesh.domain.directory import City
from support import city
from support.dealing import Dealer, beginning, turn
from support.nats_server import NatsServer

# Tests write through to the disk thousands of times. Memory takes that as a disk would, and never stands still.
_MEMORY = Path("/dev/shm")
if "PYTEST_DEBUG_TEMPROOT" not in os.environ and _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > 2 << 30:
    os.environ["PYTEST_DEBUG_TEMPROOT"] = str(_MEMORY)

# A failure prints a blob that repeats it. Shrinking it takes minutes, so it is done only when asked for.
# The same examples in every run: what luck finds is for the long runs, it must not stop somebody's unrelated change.
_SHRINKS = "CALLMESH_SHRINK" in os.environ
_CHANCE = city.HISTORIES > 0
settings.register_profile(
    "callmesh",
    deadline=None,
    derandomize=not _CHANCE,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
    report_multiple_bugs=False,
    phases=[one for one in Phase if one is not Phase.explain and (_SHRINKS or one is not Phase.shrink)],
)
settings.load_profile("callmesh")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Dealer:
    """See support/dealing.py."""
    config.option.loadscopereorder = False
    return Dealer(config, log)


def pytest_configure(config: pytest.Config) -> None:
    """Workers read the test files in different order, and deal them in the same."""
    config.args = beginning(config.args)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first; within a file as it stands."""
    items.sort(key=lambda one: (turn(one.nodeid), one.nodeid.partition("::")[0]))


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
