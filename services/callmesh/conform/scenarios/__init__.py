"""All scenarios, in the order they are played: plain things first, what breaks connections last."""

from __future__ import annotations

from callmesh.conform.scenario import Scenario
from callmesh.conform.scenarios import answers, connection, flow, load, order, unknown

ALL: tuple[Scenario, ...] = (
    *flow.ALL,
    *unknown.ALL,
    *order.ALL,
    *answers.ALL,
    *load.ALL,
    *connection.ALL,
)
BY_NAME = {one.name: one for one in ALL}
