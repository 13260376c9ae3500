"""Ten thousand requests that are nearly right, over every method: all answered, none UNKNOWN or INTERNAL.

All six services run here in one process in front of a real NATS. Afterwards they still do what they are for. The seed
is printed when it fails; CALLMESH_TEST_SEED plays it again, CALLMESH_TEST_MUTANTS makes it more or fewer.
"""

from __future__ import annotations

import asyncio
import gc
import os
import pkgutil
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from importlib import import_module
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest

import callmesh.api.v1
from callmesh.api.v1 import intake_service_pb2 as intake
from callmesh.domain.directory import City
from callmesh.kernel.config import SERVICES
from callmesh.kernel.rpc import client
from support.answers import TRIES, answer
from support.mutate import Mutator
from support.nats_server import NatsServer
from support.service import lay_out, running, settings

SEED = int(os.environ.get("CALLMESH_TEST_SEED", "20261122"))
COUNT = int(os.environ.get("CALLMESH_TEST_MUTANTS", "10000"))
AT_ONCE = 24
STREAM_SECONDS = 0.05
WIDE = {"partner_rate": 1e6, "partner_burst": 10**6, "partner_at_once": 1000, "partner_streams": 1000}
WIDE |= {"desk_rate": 1e6, "desk_burst": 10**6}
FORBIDDEN = {grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL, grpc.StatusCode.DATA_LOSS}
MEMORY_BYTES = 150 << 20
FILES = [
    import_module(f"callmesh.api.v1.{one.name}").DESCRIPTOR
    for one in pkgutil.iter_modules(callmesh.api.v1.__path__)
    if one.name.endswith("_pb2")
]
METHODS = [method for file in FILES for service in file.services_by_name.values() for method in service.methods]


class Mesh:
    """Channels to all six services, by the name of the gRPC service."""

    def __init__(self) -> None:
        self.channels: dict[str, grpc.aio.Channel] = {}
        self.cases: tuple[str, ...] = ()

    async def send(self, method: Any, data: bytes, agency: str) -> tuple[grpc.StatusCode, str]:
        """Code and words of the answer; only who streams may still be writing when it comes."""
        return await answer(lambda: self._sent(method, data, agency), TRIES if method.client_streaming else 1)

    async def _sent(self, method: Any, data: bytes, agency: str) -> None:
        """A stream is given up after its first answers."""
        path = f"/{method.containing_service.full_name}/{method.name}"
        channel = self.channels[method.containing_service.name.removesuffix("Service").lower()]
        who = client.identity(agency, "p-1")
        streams = method.server_streaming
        if method.client_streaming:
            await _some(channel.stream_stream(path)(iter([data, data]), metadata=who, timeout=60))
        elif streams:
            await _some(channel.unary_stream(path)(data, metadata=who, timeout=60))
        else:
            await channel.unary_unary(path)(data, metadata=who, timeout=60)


async def _some(call: Any) -> None:
    """Reads until nothing comes for a moment."""
    try:
        async with asyncio.timeout(STREAM_SECONDS):
            async for _ in call:
                pass
    except TimeoutError:
        call.cancel()


@pytest.fixture
async def mesh(nats: NatsServer, demo_city: City, tmp_path: Path) -> AsyncIterator[Mesh]:
    await lay_out(nats, demo_city)
    found = Mesh()
    async with AsyncExitStack() as stack:
        for name in SERVICES:
            own = settings(nats, data_dir=str(tmp_path / name), log_level="error", **WIDE)
            one = await stack.enter_async_context(running(name, own))
            await one.until_health("SERVING")
            found.channels[name] = one.channel
        found.channels["directory"] = found.channels["classification"]  # which serves DirectoryService too
        found.cases = tuple([await _opened(found, number) for number in range(5)])
        yield found


async def _opened(mesh: Mesh, number: int) -> str:
    request = intake.OpenCaseRequest(request_id=f"seed-{number}", report={"narrative": "厨房停气了"})  # type: ignore[arg-type]
    call = mesh.channels["intake"].unary_unary(
        "/callmesh.api.v1.IntakeService/OpenCase", intake.OpenCaseRequest.SerializeToString, _case
    )
    answer = await call(request, metadata=client.identity("110", "p-1"), timeout=60)
    return str(answer.name)


def _case(data: bytes) -> Any:
    from callmesh.api.v1 import case_pb2

    return case_pb2.Case.FromString(data)


def valid(method: Any, names: tuple[str, ...]) -> Any:
    """A request with the usual fields filled, to begin from."""
    from google.protobuf.message_factory import GetMessageClass

    request = GetMessageClass(method.input_type)()
    fields = method.input_type.fields_by_name
    referral = f"{names[0]}/referrals/1"
    about_referral = method.name.endswith("Referral") or method.name == "DecideReturn"
    given = {"request_id": "r", "name": referral if about_referral else names[0], "parent": names[0], "reason": "理由"}
    given |= {"text": "燃气泄漏", "category": "gas_leak", "agency": "gas", "handler": "h", "result": "x", "basis": "x"}
    for name, value in given.items():
        if name in fields and not fields[name].is_repeated and fields[name].type == fields[name].TYPE_STRING:
            setattr(request, name, value)
    if "hello" in fields:
        request.hello.max_in_flight = 2
    if "report" in fields:
        request.report.narrative = "厨房停气了"
    return request


async def test_each_is_answered_and_none_breaks_anything(mesh: Mesh) -> None:
    names = (*mesh.cases, f"{mesh.cases[0]}/referrals/1", "110", "gas", "cases/", "cases/r1-0-0", "w:LOG_r1_0:1")
    hand = Mutator(SEED, names)
    seeds = [(method, valid(method, mesh.cases)) for method in METHODS]
    codes: Counter[grpc.StatusCode] = Counter()
    broken: list[str] = []
    todo = iter(range(COUNT))
    gc.collect()
    before = psutil.Process().memory_info().rss

    async def worker() -> None:
        for number in todo:
            method, request = seeds[number % len(seeds)]
            data = hand.mutated(request)
            code, words = await mesh.send(method, data, ("110", "12345", "gas", "fbi", "")[number % 5])
            codes[code] += 1
            if code in FORBIDDEN:
                broken.append(f"{method.name} {code.name} {words} {data[:200].hex()}")

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
    assert not broken, f"seed {SEED}: {len(broken)} broken, first: {broken[:3]}"
    assert sum(codes.values()) == COUNT
    assert codes[grpc.StatusCode.INVALID_ARGUMENT] > COUNT / 20, codes
    assert codes[grpc.StatusCode.OK] > COUNT / 50, codes
    gc.collect()
    assert psutil.Process().memory_info().rss - before < MEMORY_BYTES
    assert await _opened(mesh, 99)
    print(f"\n{COUNT} mutants, seed {SEED}:", {one.name: count for one, count in codes.most_common()})  # noqa: T201
