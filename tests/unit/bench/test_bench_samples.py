"""The samples are what the real domain makes of the real city."""

from pathlib import Path

import pytest

from callmesh.api.v1 import case_pb2
from callmesh.cli.bench import samples
from callmesh.kernel.rpc.server import MESSAGE_BYTES
from callmesh.ledger.record import fact_of

CITY = Path(__file__).resolve().parents[3] / "deploy" / "city"


@pytest.fixture(scope="module")
def scene():
    return samples.scene(CITY)


def test_a_life_has_every_fact_once_and_ends_closed(scene):
    assert tuple(one.fact.WhichOneof("body") for one in scene.life) == samples.FACTS
    assert scene.life[-1].case.state == case_pb2.Case.State.CLOSED
    assert all(fact_of(one).stamp.command_id for one in scene.life)


def test_every_way_leads_to_another_agency_alone(scene):
    agencies = [way.agency for way in scene.ways]
    assert len(agencies) == len(set(agencies)) > 1
    assert scene.origin not in agencies


def test_sizes_are_those_of_real_messages(scene):
    assert scene.case.referrals[0].agency == scene.ways[0].agency
    assert 500 < scene.case.ByteSize() < scene.delivery.ByteSize() < MESSAGE_BYTES
    assert scene.opening().report.narrative == samples.NARRATIVE
