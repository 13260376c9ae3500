"""A whole mesh worked from the command line alone: every action of `callmesh case`, as a person would type it.

Not asynchronous: the command has its own event loop, the mesh's stands still between the commands.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from mesh_play import CITY

from callmesh.cli.case_actions import ACTIONS
from callmesh.cli.endpoints import FILE
from callmesh.cli.main import main
from callmesh.cli.mesh import LocalMesh
from callmesh.kernel.ids import now
from support.waiting import PATIENCE

SECONDS = PATIENCE
SWITCH = {"101": "answer:0.1", "201": "drop:0:0.1"}
Case = dict[str, Any]


class Terminal:
    """Somebody at a terminal."""

    def __init__(self, endpoints: str) -> None:
        self._env = {"CALLMESH_ENDPOINTS": endpoints, "CALLMESH_OPERATOR": "12345", "CALLMESH_ROLE": None}

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(main, ["case", *words], env=self._env)

    def do(self, words: str, case: Case | None = None, **said: str) -> Case:
        """`words` up to the case's place, its options as keywords; the JSON that came back."""
        action, *more = words.split()
        options = [word for name, text in said.items() for word in (f"--{name.replace('_', '-')}", text)]
        done = self.run(action, *([case["name"]] if case else []), *more, *options, "--json")
        assert done.exit_code == 0, (words, done.output, done.stderr, done.exception)
        return json.loads(done.stdout)

    def refused(self, *words: str) -> dict[str, Any]:
        done = self.run(*words, "--json")
        assert (done.exit_code, done.stdout) == (1, ""), done.output
        return json.loads(done.stderr)

    def trace(self, case: Case) -> str:
        """The page of `callmesh trace`, below its heading."""
        return CliRunner().invoke(main, ["trace", case["name"]], env=self._env).stdout.partition("\n")[2]

    def traced(self, which: str) -> Result:
        """What `callmesh trace` says."""
        return CliRunner().invoke(main, ["trace", which], env=self._env)

    def known_by(self, number: str, *cases: Case) -> None:
        """Returns when tracking finds these cases by the number: its read model follows the log."""
        end = time.monotonic() + SECONDS
        while True:
            shown = CliRunner().invoke(main, ["trace", number], env=self._env).stdout
            if all(one["name"] in shown for one in cases):
                return
            assert time.monotonic() < end, shown

    def until(self, case: Case, fits: Callable[[Case], bool]) -> Case:
        """The case as tracking has it, as soon as it fits."""
        end = time.monotonic() + SECONDS
        while True:
            shown = CliRunner().invoke(main, ["trace", case["name"], "--json"], env=self._env)
            found = json.loads(shown.stdout)["case"] if shown.exit_code == 0 else {}
            if found and fits(found):
                return found
            assert time.monotonic() < end, found


def patient_city(folder: Path) -> Path:
    """The demo city, where a person decides on every return, and two agencies have a telephone."""
    shutil.copytree(CITY, folder)
    rules = folder / "city.toml"
    text, found = re.subn(r"(?m)^auto_grant_returns = \d+", "auto_grant_returns = 0", rules.read_text())
    assert found
    rules.write_text(text)
    telephones = (("heating", "101"), ("locksmith", "201"))
    lines = [f'[[lines]]\nagency = "{agency}"\nnumbers = ["{number}"]\n' for agency, number in telephones]
    (folder / "calls.toml").write_text("\n".join(lines))
    return folder


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    folder = tmp_path_factory.mktemp("mesh")
    mesh = LocalMesh(folder / "data", city=patient_city(folder / "city"), switch=SWITCH)
    with asyncio.Runner() as runner:
        runner.run(mesh.__aenter__())
        try:
            yield Terminal(str(mesh.data_dir / FILE))
        finally:
            runner.run(mesh.__aexit__(None, None, None))


def test_every_action_is_done_here() -> None:
    done = set(re.findall(r'desk\.do\(f?"([a-z-]+)', Path(__file__).read_text()))
    assert done == set(ACTIONS)


def later(days: int, zone: str = "") -> str:
    """So many days from now in the city's time, or in that of the zone it names."""
    there = UTC if zone else timezone(timedelta(hours=8))
    return f"{now().astimezone(there) + timedelta(days=days):%Y-%m-%dT%H:%M}{zone}"


def wish(desk: Terminal, case: Case, until: str, zone: str = "") -> None:
    """More time; what was asked for is the time that was typed, in this zone where it named none."""
    asked = desk.do("ask-extension --operator gas", case, until=until, reason="等配件")
    assert datetime.fromisoformat(asked["pending"][-1]["until"]) == datetime.fromisoformat(until + zone)


def gas_case(desk: Terminal, **said: str) -> Case:
    """With gas, under way."""
    case = desk.do("open", text="厨房没有气了", **said)
    case = desk.do("classify", case, category="gas_outage", reason="接警员核实")
    case = desk.do("transfer", case, agency="gas", reason="停气")
    desk.do("accept 1 --operator gas", case, handler="g-7", unit="一组")
    return case


def resolved(desk: Terminal, case: Case) -> Case:
    desk.do("resolve --operator gas", case, result="已换阀", reply="已恢复供气")
    return desk.until(case, lambda one: one["state"] == "FOLLOW_UP")


def last_leg(state: str) -> Callable[[Case], bool]:
    return lambda case: bool(case.get("call_legs")) and case["call_legs"][-1]["state"] == state


def test_a_call_by_hand(desk: Terminal) -> None:
    """Three on one line, left, joined again, hung up; a call that breaks is called back."""
    case = desk.do("open", text="来电求助")
    case = desk.do("classify", case, category="policy", reason="接警员核实")
    case = desk.do("transfer --conference", case, agency="heating", reason="指定")
    desk.until(case, last_leg("CONFERENCE"))
    desk.do("leave-call", case)
    desk.until(case, last_leg("ANSWERED"))
    desk.do("conference", case)
    desk.until(case, last_leg("CONFERENCE"))
    desk.do("hang-up", case)
    desk.do("conference --with locksmith", case)
    desk.until(case, last_leg("FAILED"))
    tried = desk.do("not-reached", case)
    assert "done_at" not in tried["call_legs"][-1]["call_back"]
    reached = desk.do("called-back", case)
    assert reached["call_legs"][-1]["call_back"]["person"] == "cli"
    assert "须回电" not in desk.run("amend", case["name"], "--text", "已说明").stdout


def test_a_case_from_the_call_to_its_second_end(desk: Terminal) -> None:
    """Rows 2, 19: one action each way, one id; dissatisfied: a new round of the same case."""
    case = gas_case(desk, number="13900001111", place="望江路1号")
    desk.do("amend", case, text="家里有老人")
    desk.do("annotate --operator legal-aid", case, text="注意合同约定")
    desk.do("progress --arrived --operator gas", case, text="到场")
    wish(desk, case, later(4), "+08:00")
    desk.do("deny-extension", case, reason="先上门看")
    wish(desk, case, later(4, "Z"))
    desk.do("grant-extension", case, reason="同意")
    desk.do("ask-extension --special --operator gas", case, until=later(9), reason="等配件")
    desk.do("deny-extension", case, reason="已延过一次")
    desk.do("ask-suspension --operator gas", case, until=later(4), reason="业主外出")
    desk.do("deny-suspension", case, reason="可另约")
    desk.do("ask-suspension --operator gas", case, until=later(4), reason="业主外出")
    desk.do("suspend", case, reason="同意")
    desk.do("resume", case, reason="业主已回")
    desk.do("ask-disclosure --field name --field number --operator gas", case, reason="联系不上")
    desk.do("keep-back", case, reason="由我们转告")
    desk.do("ask-disclosure --field name --operator gas", case, reason="上门核对")
    case = desk.do("disclose --field name", case, reason="同意")
    assert [one["state"] for one in case["referrals"][0]["disclosures"]] == ["DENIED", "GRANTED"]
    case = desk.do("remind", case, reason="群众来电询问")
    assert case["referrals"][0]["remind_count"] == 1
    case = desk.do("raise --supervision yellow", case, reason="二次来电")
    assert case["supervision"] == "SUPERVISION_YELLOW"
    desk.do("supervisor --role supervisor", case, supervisor="z-9")
    assert desk.do("lift --role supervisor --person z-9", case, reason="已在处理")["supervision"] == "SUPERVISION_NONE"
    case = resolved(desk, case)
    desk.do("send-back", case, reason="照片不清")
    case = resolved(desk, case)
    desk.do("approve", case, reason="属实")
    desk.do("unreached", case, method="phone")
    case = desk.do("follow-up --unsolved --contacted", case, satisfied="1", note="没修好")
    case = desk.do("reopen", case, reason="诉求人不满意")
    assert (case["state"], case["round"]) == ("REFERRED", 2)
    desk.do("accept --operator gas", case, handler="g-8")
    case = resolved(desk, case)
    desk.do("follow-up --solved", case, satisfied="5")
    case = desk.do("close", case)
    assert (case["state"], len(case["follow_ups"])) == ("CLOSED", 3)


def test_a_return_that_is_denied_and_contested_goes_to_a_commander(desk: Terminal) -> None:
    """Rows 16, 22: the first receiver stays owner of record until a commander designates."""
    case = desk.do("open", text="路边井盖冒水")
    case = desk.do("classify", case, category="water_outage", reason="核实")
    case = desk.do("transfer", case, agency="water", support="gas", reason="管道")
    desk.do("waive 2", case, reason="无需到场")
    desk.do("accept --operator water", case, handler="w-1")
    desk.do("return --operator water", case, reason="not_our_duty", basis="职责清单第二条")
    case = desk.do("deny-return", case, reason="属供水范围")
    desk.do("contest --operator water", case, reason="属排水单位")
    case = desk.until(case, lambda one: one["state"] == "DISPUTED")
    said = desk.refused("designate", case["name"], "--agency", "drainage", "--reason", "x")
    assert (said["code"], said["reason"]) == ("PERMISSION_DENIED", "NOT_YOURS") and "指挥长" in said["zh"]
    case = desk.do("designate --operator 110 --role commander", case, agency="drainage", reason="以职责清单为准")
    assert [one["agency"] for one in case["referrals"] if one.get("binding")] == ["drainage"]

    other = desk.do("classify", desk.do("open", text="路灯不亮"), category="water_outage", reason="核实")
    other = desk.do("transfer", other, agency="water", reason="管道")
    desk.do("return --operator water", other, reason="not_our_duty", basis="职责清单第三条")
    other = desk.do("grant-return", other, agency="drainage", reason="同意")
    assert [one["state"] for one in other["referrals"]] == ["RETURNED", "OFFERED"]
    desk.do("recall 2", other, reason="派错单位")
    assert desk.do("cancel", other, reason="误报")["state"] == "CANCELLED"


def test_folding_answering_and_rejecting(desk: Terminal) -> None:
    parent = desk.do("classify", desk.do("open", text="家里停水了"), category="water_outage", reason="核实")
    child = desk.do("classify", desk.do("open", text="家里也停水了"), category="water_outage", reason="核实")
    child = desk.do("merge", child, into=parent["name"].removeprefix("cases/"), reason="同一小区")
    assert (child["state"], child["parent"]) == ("MERGED", parent["name"])
    assert parent["name"] in desk.trace(child) and child["name"] in desk.trace(parent), "one is told with the other"
    child = desk.do("unfold", child, reason="不是同一事件")
    assert child["state"] == "CLASSIFIED"
    assert desk.do("answer", child, result="已告知", reply="请先开总阀")["state"] == "ANSWERED"
    unlisted = desk.refused("reject", parent["name"], "--reason", "不属受理范围")
    assert unlisted["code"] == "INVALID_ARGUMENT" and "恶意攻击骚扰 (abuse)" in json.dumps(unlisted, ensure_ascii=False)
    rejected = desk.do("reject", parent, ground="court_or_arbitration", reason="区法院已立案")
    assert (rejected["state"], rejected["ground"]) == ("REJECTED", "court_or_arbitration")
    assert "不予受理, 理由: court_or_arbitration" in desk.trace(parent)
    assert desk.refused("merge", child["name"], "--into", parent["name"], "--operator", "power")["code"] == "NOT_FOUND"


def test_a_repeated_matter_is_reviewed_and_mediated(desk: Terminal) -> None:
    """Row 7: 梳理 -> 研判 -> 流转 -> 督办 -> 复核; row 6: mediation sessions are recorded."""
    for _ in range(3):
        case = desk.do("open", text="楼上又吵架", number="19900003302")
        case = desk.do("classify", case, category="neighbor", reason="核实")
    case = desk.until(case, lambda one: "repeat" in one)
    for stage in ("sorted", "assessed"):
        desk.do(f"review --stage {stage}", case, text="已核")
    case = desk.do("transfer", case)
    desk.do("review --stage routed", case, text="已流转")
    desk.do("review --stage supervised --role supervisor", case, text="督办")
    leads = case["referrals"][0]["agency"]
    desk.do(f"accept --operator {leads}", case, handler="m-1")
    desk.do(f"mediate --settled --operator {leads}", case, outcome="双方签字")
    desk.do(f"resolve --operator {leads}", case, result="已调解", reply="双方和解")
    desk.do("follow-up --solved", case, satisfied="5")
    case = desk.do("review --stage rechecked --settled --role supervisor", case, text="复核无异议")
    assert case["repeat"]["stage"] == "RECHECKED"
    assert desk.do("close", case)["state"] == "CLOSED"


def test_a_finding_of_the_patrol_is_mended_and_checked(desk: Terminal) -> None:
    """Row 23: finding -> fix -> verify."""
    case = gas_case(desk)
    desk.do("resolve --operator gas", case, result="已换阀", reply="好")
    desk.do("close", case, waiver="不便回访")
    case = desk.until(case, lambda one: bool(one.get("findings")))
    rules = {one["rule"]: str(one["number"]) for one in case["findings"]}
    desk.do("rectify --operator gas", case, finding=rules["no_reply"], note="已补充答复")
    desk.do("refuse --role supervisor", case, finding=rules["no_reply"], note="仍过简")
    desk.do("rectify --operator gas", case, finding=rules["no_reply"], note="已书面答复")
    case = desk.do("verify --role supervisor", case, finding=rules["no_reply"])
    assert {one["rule"]: one["state"] for one in case["findings"]}["no_reply"] == "VERIFIED"


def test_what_a_person_reads(desk: Terminal) -> None:
    """The answer in a few lines without the caller's words; a refusal in Chinese and English, by field."""
    case = gas_case(desk, number="19900007777")
    desk.known_by("19900007777", case)
    lines = desk.run("remind", "19900007777", "--reason", "来电询问").stdout.splitlines()
    assert lines[0] == case["name"] and "已转办" in lines[1] and lines[2].startswith("→ gas has to finish it")
    assert lines[3].split() == ["1", "gas", "主办", "已签收"]
    assert "19900007777" not in "".join(lines)

    wrong = desk.run("remind", case["name"])
    assert wrong.exit_code == 1 and "Traceback" not in wrong.stderr
    assert wrong.stderr.splitlines() == [
        *("callmesh: 请填写催办理由 (INVALID_FIELD)", "reason is required", "  reason: required")
    ]
    said = desk.refused("close", case["name"])
    assert (said["code"], said["reason"]) == ("FAILED_PRECONDITION", "WRONG_STATE")
    assert "现在可以" in said["zh"] and "TransferCase" in said["allowed"] and said["en"].isascii()
    ways = desk.run("close", case["name"]).stderr.splitlines()[-1]
    assert ways.startswith("  callmesh case: ") and {"transfer", "recall"} <= set(ways.split(": ")[1].split(", "))
    stale = desk.refused("amend", case["name"], "--text", "x", "--etag", "1")
    assert stale["code"] == "ABORTED" and int(stale["etag"]) > 1
    assert desk.refused("cancel", case["name"], "--reason", "x", "--operator", "power")["code"] == "NOT_FOUND"
    gone = desk.run("accept", case["name"], "--operator", "gas", "--etag", "1")
    assert gone.exit_code == 2 and "--etag does not go with this action" in gone.stderr


def test_a_code_that_the_city_does_not_have_is_passed_on_and_told(desk: Terminal) -> None:
    """What is told is no part of the answer, and a code that was put right is told no more."""
    opened = desk.run(
        "open", "--text", "没有气", "--channel", "fone", "--division", "99", "--device", "kiosk-01", "--json"
    )
    assert opened.exit_code == 0 and {"unknown_channel", "unknown_division"} <= set(json.loads(opened.stdout)["flags"])
    assert opened.stderr.splitlines() == [
        "callmesh: unknown channel 'fone', passed on and flagged; did you mean phone?",
        "callmesh: unknown division '99', passed on and flagged",
        "callmesh: unknown device 'kiosk-01', passed on; did you mean kiosk-001?",
    ]
    case = desk.do("open", text="厨房没有气了", channel="phone")
    over = ("classify", case["name"], "--reason", "接警员核实", "--category")
    slip, right = (desk.run(*over, one) for one in ("gas_outtage", "gas_outage"))
    said = "callmesh: unknown category 'gas_outtage', passed on and flagged; did you mean gas_outage?"
    assert (slip.exit_code, slip.stderr.splitlines(), right.stderr) == (0, [said], "")
    desk.do("transfer", case, agency="gas", reason="停气")
    returned = desk.run("return", case["name"], "--operator", "gas", "--reason", "not_our_job", "--basis", "职责清单")
    assert returned.exit_code == 0 and "unknown return reason 'not_our_job'" in returned.stderr
    assert "did you mean not_our_duty?" in returned.stderr


def test_which_case_and_which_referral_must_be_plain(desk: Terminal) -> None:
    cases = [gas_case(desk, number="19900008888") for _ in range(2)]
    desk.known_by("19900008888", *cases)
    case = cases[-1]
    several = desk.run("remind", "19900008888", "--reason", "x")
    assert several.exit_code == 1 and "请指明其一" in several.stderr and case["name"] in several.stderr
    nobody = desk.run("remind", "19900000000", "--reason", "x")
    assert nobody.exit_code == 1 and "no case has" in nobody.stderr
    desk.do("transfer", case, support="water")
    case = desk.until(case, lambda one: len(one["referrals"]) == 2)
    unclear = desk.run("remind", case["name"], "--reason", "x")
    assert unclear.exit_code == 1 and "请指明转办单编号" in unclear.stderr
    assert [line.split()[:2] for line in unclear.stderr.splitlines()[2:]] == [["1", "gas"], ["2", "water"]]
    asked = desk.do("remind", {"name": f"{case['name']}/referrals/2"}, reason="来电询问")
    assert asked["referrals"][1]["remind_count"] == 1
    helper = desk.do("accept --operator water", case, handler="w-2")
    assert helper["name"].endswith("/referrals/2"), "its own"


def test_a_trace_of_what_is_not_there_says_what_is(desk: Terminal) -> None:
    case = gas_case(desk)
    id = case["name"].removeprefix("cases/")
    for known in (id.lower(), f"{id}/referrals/1", f"{id.lower()}/referrals/01"):
        shown = desk.traced(known)
        assert shown.exit_code == 0 and shown.stdout.startswith(case["name"]), shown.stderr
    assert "times in UTC+0800" in shown.stdout, "the city's"
    missing = desk.traced(f"{id}/referrals/9")
    assert (missing.exit_code, missing.stdout) == (1, "")
    assert missing.stderr == f"callmesh: {case['name']} has no referral 9; it has 1\n"
    for foreign in (desk.traced(f"r2{id[2:]}"), desk.run("remind", f"r2{id[2:]}", "--reason", "x")):
        assert foreign.exit_code == 1 and "该编号属于 r2 区域" in foreign.stderr
        assert "this mesh has the cases of region r1; this one belongs to region r2" in foreign.stderr


def test_the_same_request_id_does_nothing_twice(desk: Terminal) -> None:
    case = gas_case(desk)
    asked = [desk.do("remind", case, reason="询问", request_id="r-1") for _ in range(2)]
    assert [one["etag"] for one in asked] == [asked[0]["etag"]] * 2
