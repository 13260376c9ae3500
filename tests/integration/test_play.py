"""`callmesh play` and `callmesh trace` against a whole mesh of real processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from click.testing import CliRunner

from callmesh.cli.demo import Demo, Plan
from callmesh.cli.endpoints import FILE
from callmesh.cli.main import main
from callmesh.cli.mesh import LocalMesh
from support.waiting import until

CITY = Path(__file__).parents[2] / "deploy" / "city"
GAS = "我们这个楼道里好大一股煤气味，从二楼往上越来越重，不知道谁家漏的"
WATER = "家里停水两天了，什么时候来水"
LIGHT = "路灯灭了快一个礼拜了，从公交站到小区门口那段黑漆漆的"
MOVE = "有辆白色的轿车把我堵里头了，车上没留电话，麻烦让他挪一下"
VAGUE = "喂，那个，就是那个事情"
LINES: list[dict[str, Any] | bytes] = [
    {"text": GAS},
    {"text": GAS, "channel": "sms", "phone": "19900000001"},
    {"text": WATER, "channel": "web", "external_id": "ORDER-77"},
    {"text": WATER, "channel": "phone", "place": "滨河区", "longitude": 120.3511, "latitude": 30.2688},
    b"{nope",
    {"text": LIGHT, "channel": "app", "origin": "12345"},
    {"text": VAGUE},
    {"text": VAGUE, "operator": {"category": "streetlight"}},
    {"text": "……", "operator": {"category": "silent_misdial"}},
    b'["text"]',
    {"text": LIGHT, "channel": "photo", "partner": {"do": "return", "reason": "not_our_duty"}},
    {"text": GAS, "channel": "video", "partner": {"do": "return", "reason": "wrong_division"}},
    {"text": WATER, "channel": "app", "partner": {"do": "ignore"}},
    {"text": MOVE, "partner": {"do": "ignore"}},
    {"text": WATER, "partner": {"do": "resolve", "solved": False}},
    {"text": LIGHT, "channel": "web", "confidential": True},
    {"text": GAS, "channel": "sms", "silent": True},
    b'{"text": ""}',
    b"\xff\xfe",
    b"",
    {"text": WATER, "origin": "nobody-known"},
    {"text": GAS, "origin": "12345", "unknown": {"key": [1]}},
]


@dataclass
class Ran:
    """What a command said."""

    status: int
    out: str
    err: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    def line(self, number: int) -> dict[str, Any]:
        return next(one for one in self.objects if one.get("line") == number)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalMesh]:
    async with LocalMesh(tmp_path_factory.mktemp("play"), city=CITY) as running:
        yield running


async def callmesh(mesh: LocalMesh, *arguments: str, given: bytes = b"") -> Ran:
    """As typed; what only reads runs in this process, where nothing has to be loaded first."""
    where = {"CALLMESH_ENDPOINTS": str(mesh.data_dir / FILE)}
    if arguments[0] == "trace":
        done = await asyncio.to_thread(CliRunner().invoke, main, arguments, env=where)
        return Ran(done.exit_code, done.stdout, done.stderr)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "callmesh",
        *arguments,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | where | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    async with asyncio.timeout(120):
        out, err = await process.communicate(given)
    assert process.returncode is not None
    return Ran(process.returncode, out.decode(), err.decode())


def text(*lines: dict[str, Any] | bytes) -> bytes:
    return b"\n".join(one if isinstance(one, bytes) else json.dumps(one).encode() for one in lines)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def played(mesh: LocalMesh) -> Ran:
    return await callmesh(mesh, "play", "-", "--json", "--until", "closed", given=text(*LINES))


async def timeline(mesh: LocalMesh, ran: Ran, line: int, *more: str) -> dict[str, Any]:
    shown = await callmesh(mesh, "trace", ran.line(line)["case"], "--json", *more)
    assert shown.status == 0, shown.err
    return dict(json.loads(shown.out))


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_every_line_is_told_once(played: Ran) -> None:
    told = [one["line"] for one in played.objects if "line" in one]
    assert sorted(told) == [number for number in range(1, len(LINES) + 1) if LINES[number - 1] != b""]
    assert not [one for one in played.objects if "line" not in one], "a partner was refused something"


async def test_malformed_lines_are_told_by_number_and_the_rest_goes_on(played: Ran) -> None:
    for number, said in ((5, "not JSON"), (10, "not a JSON object"), (18, "text is empty"), (19, "not UTF-8")):
        assert set(played.line(number)) == {"line", "error"}
        assert said in played.line(number)["error"]


async def test_a_call_that_the_mesh_refuses_fails_alone(played: Ran) -> None:
    assert "NOT_YOURS" in played.line(21)["error"]
    assert played.status == 1


async def test_the_keys_come_first_and_in_order(played: Ran) -> None:
    keys = ["line", "case", "verdict", "level", "category", "agency", "state", "reason"]
    assert list(played.line(1))[: len(keys)] == keys
    assert played.line(1)["case"].startswith("cases/r1-0-")


@pytest.mark.parametrize("line", [1, 2, 12, 17, 22])
async def test_an_emergency_goes_to_an_emergency_service(played: Ran, line: int) -> None:
    found = played.line(line)
    assert (found["verdict"], found["category"], found["agency"]) == ("emergency", "gas_leak", "119")
    assert found["state"] != "classified"
    assert "119" in found["reason"] or "消防" in found["reason"]


async def test_other_matters_go_where_the_catalogue_says(played: Ran) -> None:
    for line, agency in ((3, "water"), (4, "water"), (6, "urban-mgmt")):
        assert (played.line(line)["verdict"], played.line(line)["agency"]) == ("route", agency)


async def test_what_is_not_sure_stays_with_its_first_receiver(mesh: LocalMesh, played: Ran) -> None:
    found = played.line(7)
    assert (found["verdict"], found["state"], found["agency"]) == ("ask", "classified", "110")
    assert "referrals" not in (await timeline(mesh, played, 7))["case"]


async def test_an_operator_decides_what_the_machine_is_not_sure_of(mesh: LocalMesh, played: Ran) -> None:
    found = played.line(8)
    assert (found["verdict"], found["category"], found["agency"]) == ("ask", "streetlight", "urban-mgmt")
    assert "接警员核实" in found["reason"]
    assert played.line(9)["state"] == "answered"
    assert (await timeline(mesh, played, 8))["case"]["state"] == "CLOSED"


@pytest.mark.parametrize("line", [1, 2, 3, 4, 6, 22])
async def test_a_case_is_closed_after_a_follow_up(mesh: LocalMesh, played: Ran, line: int) -> None:
    case = (await timeline(mesh, played, line))["case"]
    assert case["state"] == "CLOSED"
    assert case["follow_ups"][-1]["solved"]
    assert all(one["state"] == "CLOSED" for one in case["referrals"])


@pytest.mark.parametrize("line", [11, 12])
async def test_a_returned_case_is_reassigned_and_closed(mesh: LocalMesh, played: Ran, line: int) -> None:
    found = await timeline(mesh, played, line)
    leads = [one for one in found["case"]["referrals"] if one["role"] == "LEAD"]
    assert found["case"]["state"] == "CLOSED"
    assert [one["state"] for one in leads] == ["RETURNED", "CLOSED"]
    assert leads[0]["agency"] == played.line(line)["agency"] != leads[1]["agency"]


@pytest.mark.parametrize("line", [13, 14])
async def test_an_ignored_case_stays_where_it_is(mesh: LocalMesh, played: Ran, line: int) -> None:
    case = (await timeline(mesh, played, line))["case"]
    assert case["state"] == "REFERRED"
    lead = case["referrals"][0]
    assert (lead["state"], "received_at" in lead, "accepted_at" in lead) == ("OFFERED", True, False)


async def test_an_unsolved_case_gets_a_second_round(mesh: LocalMesh, played: Ran) -> None:
    case = (await timeline(mesh, played, 15))["case"]
    assert (case["state"], case["round"]) == ("CLOSED", 2)
    assert [bool(one.get("solved")) for one in case["follow_ups"]] == [False, True]


@pytest.mark.parametrize("line", [16, 17])
async def test_who_must_not_be_called_back_is_not(mesh: LocalMesh, played: Ran, line: int) -> None:
    case = (await timeline(mesh, played, line, "--operator", "110"))["case"]
    assert case["state"] == "CLOSED"
    assert case["waiver"]
    assert "follow_ups" not in case


async def test_a_trace_is_readable_and_finds_by_any_number(mesh: LocalMesh, played: Ran) -> None:
    name = played.line(3)["case"]
    for which in (name, name.removeprefix("cases/"), f"{name}/referrals/1", "ORDER-77"):
        shown = await callmesh(mesh, "trace", which)
        assert shown.status == 0, shown.err
        assert name in shown.out
        assert "\x1b" not in shown.out
        for word in ("接报", "指派", "处置", "反馈", "CLOSED", "water", "slowest hop"):
            assert word in shown.out
        assert "停水两天" not in shown.out
    assert played.line(2)["case"] in (await callmesh(mesh, "trace", "19900000001")).out


async def test_a_trace_of_nothing_says_so(mesh: LocalMesh) -> None:
    missing = await callmesh(mesh, "trace", "r1-0-00000000000000000000000000")
    assert (missing.status, missing.out) == (1, "")
    assert "NOT_FOUND" in missing.err
    assert (await callmesh(mesh, "trace", "no-such-number")).status == 1


async def test_playing_again_makes_new_cases(mesh: LocalMesh, played: Ran) -> None:
    again = await callmesh(
        mesh, "play", "-", "--json", given=text({"text": WATER, "channel": "web", "external_id": "ORDER-77"})
    )
    assert again.status == 0
    assert again.line(1)["case"] != played.line(3)["case"]
    several = await callmesh(mesh, "trace", "ORDER-77")
    assert several.status == 1
    assert again.line(1)["case"] in several.out and played.line(3)["case"] in several.out
    assert "2 cases have this number; choose one with --index" in several.err
    for index, case in (("1", again.line(1)["case"]), ("2", played.line(3)["case"])):
        assert case in (await callmesh(mesh, "trace", "ORDER-77", "--index", index)).out
    assert (await callmesh(mesh, "trace", "ORDER-77", "--index", "3")).status == 2


async def test_for_people_it_says_where_and_why_and_sums_up(mesh: LocalMesh, tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    file.write_bytes(text({"text": WATER, "channel": "web"}, b"nope", {"text": GAS}))
    shown = await callmesh(mesh, "play", str(file), "--delay", "0")
    assert shown.status == 3, shown.err
    for word in ("water 临江水务抢修中心", "119 临江市消防救援支队指挥中心", "skipped", "2 calls played", "2 closed"):
        assert word in shown.out
    assert "\x1b" not in shown.out + shown.err


async def test_a_day_of_the_demo(mesh: LocalMesh, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What `make demo` plays and prints once its mesh serves: where and why, three whole ways, the day's figures."""
    calls = tmp_path / "calls.jsonl"
    back = {"do": "return", "reason": "not_our_duty"}
    lines: list[dict[str, Any]] = [
        {"text": GAS, "expect": {"verdict": "emergency"}},
        {"text": LIGHT, "channel": "photo", "partner": back},
        {"text": WATER, "partner": {"do": "resolve", "solved": False}, "expect": {"verdict": "route"}},
        {"text": MOVE},
        {"text": "not played"},
    ]
    calls.write_bytes(text(*lines))
    status = await Demo(Plan(CITY, calls, tmp_path, rate=0.0, once=True, limit=4)).day(mesh)
    out = capsys.readouterr().out
    assert status == 0 and "every call ended as its script implies" in out, out
    assert "Playing 4 calls" in out and "4 calls played" in out
    for title in ("And why", "several agencies at once", "reassigned", "a second round", "The day's figures"):
        assert title in out
    assert out.count("held by") == 3, "three whole ways"
    assert "verdict 2/2" in out
    kept = [json.loads(line) for line in (tmp_path / "played.jsonl").read_text().splitlines()]
    assert sorted(one["line"] for one in kept) == [1, 2, 3, 4]


async def test_only_malformed_lines_and_nothing_at_all(mesh: LocalMesh) -> None:
    assert (await callmesh(mesh, "play", "-", "--json", given=b"x\n")).status == 3
    assert (await callmesh(mesh, "play", "-", "--json", given=b"")).status == 0


async def test_without_a_mesh_it_says_how_to_start_one(mesh: LocalMesh, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(
        json.dumps({"services": {}, "nats_url": "nats://127.0.0.1:9", "nats_monitor": "http://127.0.0.1:9"})
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "callmesh", "play", "-"),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ | {"CALLMESH_ENDPOINTS": str(tmp_path / FILE), "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    _, err = await process.communicate()
    assert process.returncode == 1
    assert b"callmesh up" in err


async def test_a_run_outlives_a_restart_is_ended_by_ctrl_c_with_a_summary_and_opens_nothing_for_a_plan_that_is_none(
    mesh: LocalMesh, tmp_path: Path
) -> None:
    calls = tmp_path / "calls.jsonl"
    more = [{"text": f"{WATER} {number} 栋"} for number in range(4_000)]
    calls.write_bytes(text({"text": GAS, "plan": "fire"}, *more))
    where = {"CALLMESH_ENDPOINTS": str(mesh.data_dir / FILE), "PYTHONPATH": os.pathsep.join(sys.path)}
    output = tmp_path / "output.txt"
    with output.open("wb") as file:
        running = await asyncio.create_subprocess_exec(
            *(sys.executable, "-u", "-m", "callmesh", "play", calls, "--no-partners", "--rate", "20"),
            stdout=file,
            stderr=subprocess.STDOUT,
            env=os.environ | where,
        )

    async def played(count: int) -> bool:
        return output.read_text().count("→") >= count

    await until(lambda: played(5), "it plays")
    await mesh.kill("transfer", signal.SIGKILL)
    await mesh.serving("transfer")
    before = output.read_text().count("→")
    await until(lambda: played(before + 20), "it plays on")
    running.send_signal(signal.SIGINT)
    assert await asyncio.wait_for(running.wait(), 30) == 130
    told = output.read_text()
    assert "FAILED" not in told and "calls played in" in told, told[-800:]
    skipped = next(line for line in told.splitlines() if "skipped" in line)
    assert skipped.split()[:2] == ["1", "skipped"] and "this city has no plan 'fire'" in skipped
    short = next(line for line in told.splitlines() if "→" in line).split()[1]
    assert (await callmesh(mesh, "trace", short)).status == 0
