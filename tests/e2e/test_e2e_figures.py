"""Figures, hotspots, trace and watch on a real mesh, with tracking killed in between; at the end the rebuilt model.

Tests of this file follow each other on one mesh: what is counted is what the ones before have played.
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from google.protobuf.json_format import MessageToJson
from mesh_play import CALL_SECONDS, CITY, Desk, Partner, city_with, patiently
from sqlalchemy import create_engine

from callmesh.api.v1 import case_pb2, common_pb2, report_pb2
from callmesh.api.v1 import tracking_service_pb2 as trk
from callmesh.cli.clients import asking, connect, me
from callmesh.cli.mesh import LocalMesh
from callmesh.kernel.config import Settings
from callmesh.kernel.rpc.clients import Clients
from callmesh.tracking.digest import digest
from callmesh.tracking.rebuild import rebuild
from support.command import callmesh
from support.mutate import almost
from support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")
THRESHOLD = 3
POINT = common_pb2.Point(longitude=120.3512, latitude=30.2688, source="map")
CALLER = "13900007777"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalMesh]:
    folder = tmp_path_factory.mktemp("figures")
    city = city_with(folder / "city", {"LQ": ("1s", "3s", "5s")})
    text = (CITY / "city.toml").read_text().replace("hotspot_threshold = 10", f"hotspot_threshold = {THRESHOLD}")
    (city / "city.toml").write_text(text)
    async with LocalMesh(folder / "data", city=city) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def clients(mesh: LocalMesh) -> AsyncIterator[Clients]:
    async with connect(mesh.endpoints) as made:
        yield made


async def figures(clients: Clients, **more: Any) -> trk.GetFiguresResponse:
    async def ask() -> trk.GetFiguresResponse:
        answer: trk.GetFiguresResponse = await clients.tracking.GetFigures(
            trk.GetFiguresRequest(**more), metadata=me("110", "supervisor"), timeout=CALL_SECONDS
        )
        return answer

    return await patiently(ask)


async def current(clients: Clients, case: case_pb2.Case) -> None:
    request = trk.GetCaseRequest(name=case.name, min_etag=case.etag)
    await clients.tracking.GetCase(request, metadata=me("110"), timeout=CALL_SECONDS)


class Watch:
    """A command floor's screen: keeps its token, comes back after a break."""

    def __init__(self, clients: Clients, **wanted: Any) -> None:
        self._clients, self._filter = clients, trk.CaseFilter(**wanted)
        self.seen: list[trk.WatchCasesResponse] = []
        self._token = ""
        self._task = asyncio.create_task(self._run())
        self.breaks = 0

    async def begun(self) -> None:
        async def has_token() -> bool:
            return bool(self._token)

        await until(has_token, "the watch has begun")

    async def got(self, case: case_pb2.Case) -> None:
        async def there() -> bool:
            return any(one.case.name == case.name and one.case.etag == case.etag for one in self.seen)

        await until(there, f"{case.name} at {case.etag} on the screen")

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        import grpc

        while True:
            request = trk.WatchCasesRequest(filter=self._filter, resume_token=self._token)
            try:
                async for one in self._clients.tracking.WatchCases(request, metadata=me("110")):
                    self._token = one.resume_token
                    if one.HasField("case"):
                        self.seen.append(one)
            except grpc.aio.AioRpcError:
                self.breaks += 1
                await asyncio.sleep(0.05)


async def burst(desk: Desk, count: int) -> list[case_pb2.Case]:
    place = report_pb2.Place(text="望江路", point=POINT)
    found = []
    for _ in range(count):
        opened = await desk.open(channel="phone", report=report_pb2.Report(narrative="水管爆了", place=place))
        found.append(await desk.classify(opened, "main_burst"))
    return found


async def test_rows_9_and_26_the_floor_sees_every_change_and_one_alert(mesh: LocalMesh, clients: Clients) -> None:
    """Rows 26, 9 (Wuhan, Beijing): the stream of a category survives kill -9 of tracking; one alert in the window."""
    desk, watch = Desk(clients, "110"), Watch(clients, category="main_burst")
    await watch.begun()
    cases = await burst(desk, THRESHOLD - 1)
    await watch.got(cases[-1])
    await mesh.kill("tracking", signal.SIGKILL, stay_down=True)
    cases += await burst(desk, 2)  # the third one reaches the threshold while nobody counts
    await mesh.restart("tracking")
    cases += await burst(desk, 1)
    for case in cases:
        await watch.got(case)
    await watch.stop()
    assert watch.breaks > 0
    told = [(one.case.name, one.case.etag) for one in watch.seen]
    assert len(set(told)) == len(told), "a change came twice"
    alerts = [one.alert for one in watch.seen if one.HasField("alert")]
    assert [one.case for one in alerts] == [cases[THRESHOLD - 1].name]
    found = await figures(clients, hotspots=5)
    assert list(found.alerts) == alerts and found.alerts[0].threshold == THRESHOLD
    assert [(one.category, one.count, one.cell) for one in found.hotspots] == [("main_burst", 5, "30.26,120.35")]


async def test_row_19_a_redone_case_by_any_of_its_numbers(mesh: LocalMesh, clients: Clients) -> None:
    """Invariant 8, row 19: id, alarm number, order number and the caller's number lead to the one timeline."""
    desk = Desk(clients, "110")
    report = report_pb2.Report(narrative="家里停水", caller=report_pb2.Caller(number=CALLER))
    numbers = [report_pb2.ExternalId(system="alarm", value="J-1"), report_pb2.ExternalId(system="order", value="G-1")]
    opened = await desk.open(channel="phone", report=report, external_ids=numbers)
    case = await desk.transfer(await desk.classify(opened, "water_outage"))
    async with Partner(clients, "water", receipts=False) as firm:
        await firm.told(case)
        firm.cut()
        again = await firm.got(lambda one: one.attempt > 1, "what it had not confirmed")
        firm.receipt(again)
        await desk.until(case, lambda one: one.referrals[0].HasField("received_at"), "received")
        await firm.accept(case.referrals[0].name)
        await firm.resolve(case.referrals[0].name)
        case = await desk.reopen(await desk.follow_up(case, solved=False, satisfied=1), "unsolved")
        firm.receipt(await firm.got(lambda one: one.referral.name == case.referrals[1].name, "the second round"))
        await desk.until(case, lambda one: one.referrals[1].HasField("received_at"), "received again")
        await firm.accept(case.referrals[1].name)
        await firm.resolve(case.referrals[1].name)
    case = await desk.close(await desk.follow_up(case))
    case = await desk.until(case, lambda one: one.HasField("patrol"), "the patrol was there, nothing follows")
    await current(clients, case)
    by_name = await desk.timeline(case)
    for given in ({"external_id": "J-1"}, {"external_id": "G-1"}, {"number": CALLER}, {"number": CALLER, "index": 1}):
        request = trk.GetTimelineRequest(**given)
        assert await clients.tracking.GetTimeline(request, metadata=me("110"), timeout=CALL_SECONDS) == by_name
    assert [one.attempts for one in by_name.deliveries] == [again.attempt, 1]
    assert [(one.round, one.follow_up.solved) for one in by_name.rounds] == [(1, False), (2, True)]
    for which in (case.name, "J-1", "G-1", CALLER):
        shown = await callmesh(mesh.data_dir, "trace", which)
        assert shown.exit_code == 0 and case.name in shown.stdout, shown.stderr
        assert f"redelivered: water got it {again.attempt} times" in shown.stdout
        assert "round 1 (第 1 轮)" in shown.stdout and "unsolved" in shown.stdout and CALLER not in shown.stdout
    assert (await desk.timeline(case)).slowest_hop.start_event.startswith(f"{case.name}/events/")


async def test_a_number_with_several_cases_asks_which(mesh: LocalMesh, clients: Clients) -> None:
    import grpc

    from callmesh.kernel.rpc.client import reason_of

    desk = Desk(clients, "110")
    report = report_pb2.Report(narrative="又停水", caller=report_pb2.Caller(number=CALLER))
    newer = await desk.open(channel="phone", report=report)
    await current(clients, newer)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await clients.tracking.GetTimeline(
            trk.GetTimelineRequest(number=CALLER), metadata=me("110"), timeout=CALL_SECONDS
        )
    assert reason_of(refused.value) == "INVALID_FIELD"
    for index, name in ((1, newer.name), (2, None)):
        request = trk.GetTimelineRequest(number=CALLER, index=index)
        found = await clients.tracking.GetTimeline(request, metadata=me("110"), timeout=CALL_SECONDS)
        assert (found.case.name == newer.name) == (name is not None)
    listed = await callmesh(mesh.data_dir, "trace", CALLER)
    assert listed.exit_code == 1 and listed.stdout.index(newer.name) < listed.stdout.index("water_outage")
    assert newer.name in (await callmesh(mesh.data_dir, "trace", CALLER, "--index", "1")).stdout


async def test_a_trace_needs_the_log_alone(mesh: LocalMesh, clients: Clients) -> None:
    """Tracking is down: id, alarm number and caller's number lead through the log alone to the page tracking showed.

    Row 4: stages with time, actor and agency; who had it how long; redeliveries, rounds, limits, linked cases.
    """
    open_one = await Desk(clients, "110").open("路灯不亮", channel="phone")
    await current(clients, open_one)
    told = [await told_to_ops(clients, **asked) for asked in ({"name": open_one.name}, {"external_id": "J-1"})]
    short = [await callmesh(mesh.data_dir, "trace", open_one.name[-6:].lower(), "--json")]
    await mesh.kill("tracking", signal.SIGTERM, stay_down=True)
    try:
        short.append(await callmesh(mesh.data_dir, "trace", open_one.name[-6:], "--json"))
        alone = [await callmesh(mesh.data_dir, "trace", which, "--json") for which in (open_one.name, "J-1")]
        newer = await callmesh(mesh.data_dir, "trace", CALLER, "--index", "1")
        assert (await callmesh(mesh.data_dir, "trace", almost(open_one.name))).exit_code == 1
        page = (await callmesh(mesh.data_dir, "trace", open_one.name)).stdout
        foreign = await callmesh(mesh.data_dir, "trace", open_one.name.replace("/r1-", "/r2-"))
    finally:
        await mesh.restart("tracking")
    assert "times in UTC+0800" in page, "the city's clock, whoever tells it"
    assert foreign.exit_code == 1 and "belongs to region r2" in foreign.stderr
    assert [json.loads(one.stdout)["case"]["name"] for one in short] == [open_one.name] * 2, "what screens show of it"
    assert all(one.exit_code == 0 and "read from the log itself" in one.stderr for one in alone), alone[1].stderr
    found = [json.loads(one.stdout) for one in alone]
    assert found[0]["entries"] == told[0]["entries"] and found[0]["case"] == told[0]["case"]
    assert told[1]["rounds"][1].pop("reason") == "unsolved", "sealed: the log alone tells no reasons without a key"
    assert found[1] == told[1], "its way is over: every word of the page, whoever reads the log"
    way = found[1]
    assert {"RECEIVE", "ASSIGN", "HANDLE", "SUPERVISE", "FEEDBACK"} <= {one.get("stage") for one in way["entries"]}
    assert all(one["event"]["at"] and one["event"]["actor"] for one in way["entries"])
    assert way["deliveries"][0]["attempts"] > 1 and len(way["rounds"]) == 2 and way["slowest_hop"]["agency"]
    assert any(one.get("slowest") for one in way["holds"])
    assert (found[0]["next_limit"], found[0]["next_agency"]) == ("LIMIT_DIVERSION", "110"), "nobody classified it yet"
    assert newer.exit_code == 0 and f"linked (关联, number): {way['case']['name']}" in " ".join(newer.stdout.split())


async def told_to_ops(clients: Clients, **asked: Any) -> Any:
    """What tracking tells operations of a case, as JSON."""
    request = trk.GetTimelineRequest(**asked)
    told = await clients.tracking.GetTimeline(request, metadata=asking(""), timeout=CALL_SECONDS)
    told.case.ClearField("report")
    return json.loads(MessageToJson(told, preserving_proto_field_name=True, ensure_ascii=False))


async def test_whom_the_city_does_not_have_is_no_row_of_zeros(mesh: LocalMesh, clients: Clients) -> None:
    """An agency that is there and did nothing has zeros, and so has a category."""
    for given, said in (
        (("--agency", "nosuch"), "no agency 'nosuch' is in this city"),
        (("--owner", "wather"), "no agency 'wather' is in this city; did you mean water?"),
        (("--category", "main_brust", "--by", "day"), "no category 'main_brust' is in this city; did you mean"),
        (("--channel", "phon"), "no channel 'phon' is in this city; did you mean phone?"),
        (("--division", "110101"), "no division '110101' is in this city"),
    ):
        refused = await callmesh(mesh.data_dir, "stats", *given)
        assert (refused.exit_code, refused.stdout) == (2, "") and said in refused.stderr
    for idle in (
        ("--agency", "legal-aid"),
        ("--category", "gas_leak"),
        ("--channel", "kiosk"),
        *(("--division", one) for one in ("990000", "990103", "990103999")),
    ):
        assert (await callmesh(mesh.data_dir, "stats", *idle)).exit_code == 0
    wrong = await callmesh(mesh.data_dir, "partner", "nats-config", "wather")
    assert (wrong.exit_code, wrong.stdout) == (2, "") and "did you mean water?" in wrong.stderr
    right = await callmesh(mesh.data_dir, "partner", "nats-config", "water")
    assert right.stdout.startswith("agency_water {") and not right.stderr


async def test_figures_of_the_day_and_the_command(mesh: LocalMesh, clients: Clients) -> None:
    """What the tests before have played, in the city's zone, as RPC, table, CSV and JSON lines."""
    found = await figures(clients, year_on_year=True)
    counted = {(one.id, one.key): one for one in found.figures}
    assert found.zone == "+08:00" and found.HasField("previous_start_time")
    opened = counted["cases_opened", ""].numerator
    assert opened == 8 and counted["cases_by_category", "main_burst"].numerator == 5
    reopened = counted["reopen_rate", ""]
    assert (reopened.numerator, reopened.denominator) == (1, 1)
    assert (counted["solved", ""].numerator, counted["satisfied", ""].denominator) == (1, 1)
    grouped = await figures(clients, group_by=[trk.GetFiguresRequest.AGENCY, trk.GetFiguresRequest.MONTH])
    assert {one.groups[0].key for one in grouped.figures} == {"water"}
    table = await callmesh(mesh.data_dir, "stats")
    assert table.exit_code == 0, table.stderr
    assert "时区 UTC+08:00" in table.stdout and "重办率" in table.stdout and "1/1" in table.stdout
    assert "3/3" in (await callmesh(mesh.data_dir, "stats", "--hotspots", "3")).stdout
    exported = (await callmesh(mesh.data_dir, "stats", "--csv", "-", "--figure", "cases_opened")).stdout
    assert exported.splitlines()[1].startswith(f"cases_opened,,接报数,count,{opened},0")
    told = await callmesh(mesh.data_dir, "stats", "--json", "--by", "channel", "--category", "main_burst")
    first = json.loads(told.stdout.splitlines()[0])
    assert first["groups"] == {"channel": "phone"} and first["numerator"] == 5


async def test_the_rebuilt_model_equals_the_live_one(mesh: LocalMesh, clients: Clients, tmp_path: Path) -> None:
    """After everything above: the same digest from the log alone; the rate is printed, machines differ."""
    database = f"sqlite:///{tmp_path / 'again.db'}"
    anew = Settings(nats_url=mesh.nats_url, database_url=database, data_dir=str(mesh.data_dir))
    live = create_engine(f"sqlite:///{mesh.data_dir / 'tracking.db'}")

    async def equal() -> bool:
        again = await rebuild(anew)
        print(f"rebuilt {again.count} facts at {again.count / again.seconds:,.0f} facts/s")  # noqa: T201
        return again.digest == await asyncio.to_thread(digest, live)

    try:
        await until(equal, "the rebuilt model is the live one")
    finally:
        live.dispose()


async def test_a_trace_shows_how_a_case_stands_while_the_log_hangs(mesh: LocalMesh, clients: Clients) -> None:
    """NATS takes connections and says nothing: what tracking has is shown, and the doctor says where it hurts."""
    case = await Desk(clients, "110").offered("没水了", "water_outage")
    await current(clients, case)
    await mesh.kill("nats", signal.SIGSTOP)
    try:
        by_name, by_number = [await callmesh(mesh.data_dir, "trace", one) for one in (case.name, case.name[-6:])]
        sick = await callmesh(mesh.data_dir, "doctor", "--json")
    finally:
        await mesh.kill("nats", signal.SIGCONT)
    for shown in (by_name, by_number):
        assert (shown.exit_code, shown.stdout.split()[0]) == (0, case.name), shown.stderr
        assert "water" in shown.stdout and "the log does not answer" in shown.stderr
    found = {one["name"]: one for one in map(json.loads, sick.stdout.splitlines())}
    assert sick.exit_code == 1 and "takes connections" in found["NATS"]["found"]
    assert "does not answer" in found["clock"]["found"] and found["clock"]["advice"] == "see NATS"
    assert found["streams"]["advice"] == found["directory"]["advice"] == "see NATS"
    for name in mesh.services:
        await mesh.serving(name)
