"""A service that is restarted during a long run: its calls are repeated as they are, and nothing else is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import grpc
import pytest
from grpc.aio import AioRpcError, Metadata

from callmesh.cli.patience import patient
from callmesh.kernel.rpc.clients import Clients

AWAY, REFUSED = grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.FAILED_PRECONDITION


class Service:
    """Answers one call after the other with these codes, then well."""

    def __init__(self, *codes: grpc.StatusCode) -> None:
        self.codes, self.asked = list(codes), list[tuple[Any, dict[str, Any]]]()

    async def OpenCase(self, request: Any, **how: Any) -> str:
        self.asked.append((request, how))
        if self.codes:
            raise AioRpcError(self.codes.pop(0), Metadata(), Metadata())
        return "done"


def clients(stub: Any, seconds: float = 30.0) -> Clients:
    return patient(Clients({}, stub, *[None] * 6), seconds)  # type: ignore[arg-type]


@pytest.mark.parametrize("away", [0, 1, 3])
async def test_a_call_is_repeated_as_it_is_until_its_service_is_back(away: int) -> None:
    service = Service(*[AWAY] * away)
    assert await clients(service).intake.OpenCase("request", metadata=(), timeout=5) == "done"
    assert service.asked == [("request", {"metadata": (), "timeout": 5})] * (away + 1)


@pytest.mark.parametrize("codes", [(REFUSED,), (AWAY, REFUSED)])
async def test_a_refusal_is_an_answer(codes: Sequence[grpc.StatusCode]) -> None:
    service = Service(*codes)
    with pytest.raises(AioRpcError) as refused:
        await clients(service).intake.OpenCase("request")
    assert refused.value.code() == REFUSED and len(service.asked) == len(codes)


async def test_patience_ends_with_the_last_error() -> None:
    service = Service(*[AWAY] * 1000)
    with pytest.raises(AioRpcError) as refused:
        await clients(service, seconds=0.2).intake.OpenCase("request")
    assert refused.value.code() == AWAY and 1 < len(service.asked) < 1000
