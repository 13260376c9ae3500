"""The log of a real mesh is chained and signed, and `callmesh audit` finds what was done to an export."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from callmesh.api.v1 import intake_service_pb2, report_pb2
from callmesh.cli.clients import connect, me
from callmesh.cli.mesh import LocalMesh
from support.command import callmesh
from support.waiting import until

CITY = Path(__file__).parents[2] / "deploy" / "city"
CASES = 12


@pytest.fixture
async def mesh(tmp_path: Path) -> AsyncIterator[LocalMesh]:
    env = {"CALLMESH_AUDIT_SECONDS": "0.2", "CALLMESH_HEADS_FILE": str(tmp_path / "elsewhere.jsonl")}
    async with LocalMesh(tmp_path / "mesh", services=("intake", "supervision"), city=CITY, env=env) as running:
        yield running


async def audit(mesh: LocalMesh, *args: str) -> tuple[int, str]:
    """The command as a person runs it: exit status, standard output."""
    done = await callmesh(mesh.data_dir, "audit", *args)
    assert done.exit_code < 2, done.stderr
    return done.exit_code, done.stdout


async def fill(mesh: LocalMesh, prefix: str) -> None:
    """Cases with two facts each."""
    async with connect(mesh.endpoints, "intake") as clients:
        for number in range(CASES):
            report = report_pb2.Report(narrative="路灯不亮")
            opening = intake_service_pb2.OpenCaseRequest(request_id=f"{prefix}-{number}", report=report)
            case = await clients.intake.OpenCase(opening, metadata=me("110"), timeout=60)
            more = intake_service_pb2.AmendCaseRequest(request_id="more", name=case.name, text="两盏")
            await clients.intake.AmendCase(more, metadata=me("110"), timeout=60)


async def signed_until(mesh: LocalMesh, sequence: int) -> None:
    async def is_signed() -> bool:
        _, said = await audit(mesh, "heads")
        return f'"sequence": {sequence},' in said

    await until(is_signed, f"a signed head at {sequence}")


async def test_a_mesh_proves_its_log_and_finds_what_was_done_to_an_export(mesh: LocalMesh, tmp_path: Path) -> None:
    await fill(mesh, "a")
    await signed_until(mesh, 2 * CASES)
    await mesh.kill("supervision")
    await fill(mesh, "b")
    await mesh.serving("supervision")
    await signed_until(mesh, 4 * CASES)

    status, said = await audit(mesh, "verify", "--json")
    live = json.loads(said)
    assert (status, live["problems"]) == (0, [])
    assert (live["messages"], live["cases"], live["signed_until"]) == (4 * CASES, 2 * CASES, 4 * CASES)

    log, key = tmp_path / "log.jsonl", tmp_path / "key.pub"
    assert (await audit(mesh, "export", str(log)))[0] == 0
    key.write_text((await audit(mesh, "key"))[1])
    heads = str(tmp_path / "elsewhere.jsonl")  # the second place
    offline = ("--heads", heads, "--key", str(key))
    assert (await audit(mesh, "verify", str(log), *offline))[0] == 0
    lines = log.read_text().splitlines()
    for name, tampered in _tampered(lines).items():
        file = tmp_path / f"{name}.jsonl"
        file.write_text("\n".join(tampered) + "\n")
        status, said = await audit(mesh, "verify", str(file), *offline)
        assert status == 1, f"{name} was not found: {said}"


def _tampered(lines: list[str]) -> dict[str, list[str]]:
    message = json.loads(lines[3])
    data = bytearray(b64decode(message["data"]))
    data[-1] ^= 1
    edited = json.dumps(message | {"data": b64encode(data).decode()})
    return {
        "edit": [*lines[:3], edited, *lines[4:]],
        "deletion": [*lines[:3], *lines[4:]],
        "swap": [*lines[:3], lines[4], lines[3], *lines[5:]],
        "truncation": lines[:-1],
    }
