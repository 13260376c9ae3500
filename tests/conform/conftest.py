"""Partners that come back quickly, so that tests do not wait for their pauses."""

from __future__ import annotations

import pytest

from callmesh.partner import simulated, stream


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulated, "PAUSES", (0.1, 0.4))
    monkeypatch.setattr(stream, "LONGEST_AFTER_WELCOME", 0.2)
