"""The command line itself: manual pages, errors, exit statuses, and that little is imported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

import callmesh.cli
from callmesh.cli.main import COMMANDS, main
from callmesh.cli.up import Tail
from support.nats_server import NatsServer

OURS = ["up", "serve", "case", "directory", "streams", "doctor"]
PAGES = [[name] for name in OURS] + [
    ["streams", "apply"],
    ["streams", "show"],
    ["directory", "apply"],
    ["directory", "show"],
]


def run(*arguments: str, **environment: str) -> Result:
    settings = {"CALLMESH_NATS_URL": None, "CALLMESH_ENDPOINTS": None, "CALLMESH_DATA_DIR": None}
    return CliRunner().invoke(main, list(arguments), prog_name="callmesh", env={**settings, **environment})


@pytest.mark.parametrize("page", PAGES, ids=" ".join)
def test_help_reads_like_a_manual_page(page: list[str]) -> None:
    said = run(*page, "--help")
    assert said.exit_code == 0
    for title in ("Usage: callmesh", "Options:", "Environment:", "Exit status:"):
        assert title in said.output
    assert "Examples:" in said.output or "Commands:" in said.output
    assert all(len(line) <= 140 for line in said.output.splitlines())


def test_every_listed_command_is_one_and_is_described_in_the_list() -> None:
    context = click.Context(main)
    for name in OURS:
        assert name in main.list_commands(context)
        found = main.get_command(context, name)
        assert found is not None and found.name == name
        assert COMMANDS[name].endswith(".")


def test_a_command_that_is_not_installed_is_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COMMANDS, "absent", "Not there.")
    assert "absent" not in run("--help").output
    assert run("absent").exit_code == 2
    assert run("doctor", "--help").exit_code == 0


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "callmesh.cli.doctor", raising=False)
    monkeypatch.setitem(sys.modules, "callmesh.cli.checks", None)
    said = run("doctor")
    assert said.exit_code == 1
    assert "needs the Python module callmesh.cli.checks" in said.stderr


def test_version() -> None:
    said = run("--version")
    assert said.exit_code == 0
    assert said.output.startswith("callmesh ") and "Python 3." in said.output


def test_help_imports_nothing_heavy() -> None:
    code = """
import sys
from callmesh.cli.main import main
try:
    main(["--help"], prog_name="callmesh")
except SystemExit:
    heavy = {"grpc", "nats", "rich", "shapely", "opentelemetry", "asyncio", "psutil"} & set(sys.modules)
    sys.exit(f"imported: {heavy}" if heavy else 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "environment", "status", "told"),
    [
        (["nonsense"], {}, 2, "No such command"),
        (["serve", "nonsense"], {}, 2, "is not one of"),
        (["serve", "intake"], {"CALLMESH_SHARD": "x"}, 2, "CALLMESH_SHARD"),
        (["streams", "show"], {"CALLMESH_NATS_URL": "nats://127.0.0.1:1"}, 1, "start one with: callmesh up"),
        (["streams", "show"], {"CALLMESH_ENDPOINTS": "/nowhere/at/all"}, 2, "does not say where a mesh is"),
        (["directory", "show"], {"CALLMESH_DATA_DIR": "/nowhere/at/all"}, 1, "no mesh runs in /nowhere/at/all"),
        (["directory", "apply", "/nowhere/at/all"], {}, 2, "the version in force stays"),
    ],
)
def test_errors_are_one_sentence(arguments: list[str], environment: dict[str, str], status: int, told: str) -> None:
    said = run(*arguments, **environment)
    assert said.exit_code == status
    assert told in said.stderr
    assert "Traceback" not in said.output


def test_a_bad_city_names_every_fault_and_publishes_nothing(tmp_path: Path) -> None:
    (tmp_path / "city.toml").write_text('id = "x"\nnonsense = 1\n')
    said = run("directory", "apply", str(tmp_path), CALLMESH_NATS_URL="nats://127.0.0.1:1")
    assert said.exit_code == 2
    head, *faults = said.stderr.splitlines()
    assert "nothing was published, the version in force stays" in head
    assert any(fault.startswith("city.toml:") for fault in faults)
    assert len(faults) > 1


def test_doctor_tells_what_to_do_and_exits_1_without_a_mesh() -> None:
    said = run("doctor", "--json", CALLMESH_NATS_URL="nats://127.0.0.1:1", CALLMESH_SWITCH="127.0.0.1:1")
    found = {one["name"]: one for one in map(json.loads, said.output.splitlines())}
    assert said.exit_code == 1
    assert found["NATS"]["state"] == "FAIL" and "callmesh up" in found["NATS"]["advice"]
    assert found["telephone switch"]["state"] == "FAIL" and "call-back" in found["telephone switch"]["advice"]
    assert found["Python"]["state"] == found["generated code"]["state"] == "ok"
    assert all(one["advice"] for one in found.values() if one["state"] != "ok")


def test_doctor_sends_who_finds_no_monitor_to_nats_first() -> None:
    nowhere = {"CALLMESH_NATS_URL": "nats://127.0.0.1:1", "CALLMESH_NATS_MONITOR": "http://127.0.0.1:1"}
    said = run("doctor", "--json", **nowhere)
    [found] = [one for one in map(json.loads, said.output.splitlines()) if one["name"] == "clock"]
    assert "nothing answers at http" in found["found"] and "see NATS" in found["advice"]


def test_doctor_names_a_setting_that_is_wrong() -> None:
    said = run("doctor", "--json", CALLMESH_TRACKING_SHARDS="0-3", CALLMESH_NATS_URL="nats://127.0.0.1:1")
    [found] = [one for one in map(json.loads, said.output.splitlines()) if one["name"] == "streams"]
    assert found["found"].startswith("CALLMESH_TRACKING_SHARDS: must be") and found["advice"] == "correct the setting"


def test_doctor_looks_at_each_server_of_a_cluster(nats: NatsServer) -> None:
    said = run("doctor", "--json", CALLMESH_NATS_URL=f"{nats.url},nats://127.0.0.1:1")
    [ports] = [one for one in map(json.loads, said.output.splitlines()) if one["name"] == "ports"]
    assert ports["state"] == "FAIL" and "NATS 2 127.0.0.1:1" in ports["found"] and "NATS 1" not in ports["found"]


def test_doctor_tells_what_it_could_not_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(callmesh.cli, "checks_mesh", raising=False)
    monkeypatch.setitem(sys.modules, "callmesh.cli.checks_mesh", None)
    said = run("doctor", "--json")
    assert (said.exit_code, json.loads(said.output.splitlines()[-1])["name"]) == (1, "mesh")


def test_doctor_local_needs_no_mesh() -> None:
    said = run("doctor", "--local", CALLMESH_DATA_DIR="/nowhere/at/all")
    assert said.exit_code == 0
    assert "nats-server" in said.output and "intake" not in said.output


def test_tail_gives_whole_new_lines_once(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("old\n")
    tail = Tail(log)
    with log.open("a") as file:
        file.write("one\ntw")
    assert tail.lines() == ["one"]
    with log.open("a") as file:
        file.write("o\n")
    assert tail.lines() == ["two"]
    assert tail.lines() == []
    log.write_text("new\n")
    assert tail.lines() == ["new"]


def test_an_account_for_an_agency_that_nobody_can_tell_of_is_written_with_a_word() -> None:
    """Accounts are made before a mesh is; but a mesh that was named is asked."""
    said = run("partner", "nats-config", "gaz", CALLMESH_NATS_URL="nats://127.0.0.1:1")
    assert said.exit_code == 0 and said.stdout.startswith("agency_gaz {")
    assert said.stderr.startswith("callmesh: nobody can tell whether there is an agency 'gaz': no mesh answers at")


@pytest.mark.parametrize("which", ["13900001111", "YG20261121-0007", "r1-0-77CHWZ977XERY72T7EPKMEJHCH/referrals/1"])
def test_a_case_is_erased_by_its_id_alone(which: str) -> None:
    """A number may be that of several cases, and nothing is asked, looked up or repeated before that is told."""
    said = run("erase", which, "--reason", "x", "--agency", "110")
    assert (said.exit_code, said.stdout) == (2, "")
    assert said.stderr.startswith("callmesh: CASE is a case's id or name, like r1-0-") and which not in said.stderr
