"""What the kit tells: text, JSON, JUnit XML and a page, the rule of each scenario; the command as people use it."""

from __future__ import annotations

import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import ClassVar
from xml.etree import ElementTree as Xml

import pytest
from click.testing import CliRunner

from callmesh.cli.conform import command
from callmesh.conform import page, report
from callmesh.conform.record import Record
from callmesh.conform.run import Result, Run, Verdict
from callmesh.conform.scenarios import ALL, BY_NAME
from callmesh.conform.scenarios.connection import hammering, same
from callmesh.conform.stage import Broken
from callmesh.partner.faults import Fault
from support.conformance import run_of
from support.service import free_port

GUIDE = Path(__file__).parents[2] / "protos" / "README.md"
ONE = ["--only", "life", "--answer", "20", "--quiet", "0.1"]
SIMULATED = f"{sys.executable} -m callmesh partner simulate --agency water --pace 0.02 --gateway"


def a_run() -> Run:
    run = Run("127.0.0.1:7404", "water", 7, True, "callmesh conform --target 127.0.0.1:7404")
    verdicts = ((Verdict.PASS, ""), (Verdict.FAIL, "id 'a\x01<b>' & co"), (Verdict.NOT_SHOWN, "no unary calls"))
    for scenario, (verdict, why) in zip(ALL, verdicts, strict=False):
        run.results.append(Result(scenario, verdict, why, 0.25, ("+0.001s <- accept \x01<script>",)))
    return run


class TestScenarios:
    def test_each_names_a_heading_of_the_guide(self) -> None:
        headings = set(re.findall(r"^#+ (.+)$", GUIDE.read_text(), re.MULTILINE))
        assert {one.section for one in ALL} <= headings

    def test_names_are_unique_and_speak(self) -> None:
        assert len(BY_NAME) == len(ALL) >= 20
        for one in ALL:
            assert re.fullmatch("[a-z-]+", one.name)
            assert one.title.endswith(".") and one.checks.endswith(".")
            assert re.search("[\u4e00-\u9fff]", one.zh)


class TestReport:
    def test_text_says_rule_evidence_and_how_to_play_it_again(self) -> None:
        run = a_run()
        passed, failed, unseen = ("\n".join(report.lines(run, one)) for one in run.results)
        assert passed.startswith("pass") and "\n" not in passed
        assert failed.startswith("FAIL") and "protos/README.md" in failed and "<- accept" in failed
        assert f"--only {run.results[1].scenario.name} --seed 7" in failed
        assert unseen.startswith("not shown") and "no unary calls" in unseen
        assert report.summary(run) == "3 scenarios: 1 pass, 1 fail, 1 not shown (不符合)"

    def test_what_an_idle_partner_does_takes_a_line(self) -> None:
        """It pushed out what a finding is about."""
        record = Record()
        record.heard("accept", "W-1", "a-1")
        for number in range(90):
            record.heard("call", "PullReferrals", message=number)
        record.told("ping", "1", text="1")
        record.heard("resolve", "W-1", "a-2")
        first, pulls, more, last = record.lines(most=60)
        assert "accept W-1" in first and "call PullReferrals" in pulls and "resolve W-1" in last
        assert "and 90 more" in more
        assert next(iter(record.lines(most=2))) == "(2 earlier lines left out)"

    def test_junit_is_xml_with_the_counts(self) -> None:
        suite = Xml.fromstring(report.junit(a_run())).find("testsuite")
        assert suite is not None
        assert [suite.get(one) for one in ("tests", "failures", "skipped", "errors")] == ["3", "1", "1", "0"]
        failure = suite.find("testcase/failure")
        assert failure is not None and "--seed 7" in str(failure.text)
        assert "co" in str(failure.get("message"))

    def test_the_page_stands_alone_and_escapes(self) -> None:
        class Links(HTMLParser):
            outside: ClassVar[list[str]] = []

            def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
                self.outside.extend(str(value) for name, value in attrs if name in ("src", "href"))

        text = page.page(a_run())
        parser = Links()
        parser.feed(text)
        assert parser.outside == []
        assert "<script>" not in text and "&lt;script&gt;" in text
        assert "不符合接入规范" in text and 'lang="zh-CN"' in text

    def test_nothing_shown_is_no_pass(self) -> None:
        run = a_run()
        del run.results[:2]
        assert not run.passed


class TestJudgement:
    def test_the_same_pauses_are_no_jitter(self) -> None:
        assert same([0.1, 0.2, 0.4, 0.8], [0.11, 0.2, 0.39, 0.82])
        assert not same([0.08, 0.15, 0.31, 0.5], [0.1, 0.19, 0.22, 0.8])
        assert not same([0.1, 0.2], [0.1, 0.2]), "two pauses tell nothing"

    def test_few_attempts_are_no_hammering(self) -> None:
        hammering(10, 5.0, "calls")
        with pytest.raises(Broken, match="400 calls in 5 s"):
            hammering(400, 5.0, "calls")


class TestSeed:
    async def test_a_run_is_the_same_again(self) -> None:
        """The same seed gives the same names in the same order; another one others."""

        async def names(seed: int) -> list[str]:
            run = await run_of([Fault.NO_RECEIPT], ["life"], seed=seed)
            return re.findall(r"-> OFFERED (\S+)", "\n".join(run.results[0].lines))

        assert await names(1) == await names(1) != await names(2)


class TestCommand:
    def test_a_partner_started_by_the_kit_passes(self, tmp_path: Path) -> None:
        target = f"127.0.0.1:{free_port()}"
        files = [tmp_path / "junit.xml", tmp_path / "page.html"]
        asked = [
            "--target",
            target,
            "--run",
            f"{SIMULATED} {target}",
            "--junit",
            str(files[0]),
            "--html",
            str(files[1]),
        ]
        found = CliRunner().invoke(command, [*asked, *ONE])
        assert found.exit_code == 0, found.output
        assert "life" in found.output and "1 scenarios: 1 pass" in found.output
        assert "ended by itself" not in found.stderr
        assert all(one.stat().st_size for one in files)

    def test_a_faulty_one_fails_and_json_says_why(self) -> None:
        target = f"127.0.0.1:{free_port()}"
        run = f"{SIMULATED} {target} --fault no-public-reply"
        found = CliRunner().invoke(command, ["--target", target, "--json", "--run", run, *ONE])
        assert found.exit_code == 1, found.output
        told = json.loads(found.stdout.splitlines()[0])
        assert (told["scenario"], told["verdict"]) == ("life", "fail")
        assert "public_reply is required" in told["why"] and told["evidence"]

    @pytest.mark.parametrize(("ends", "how"), [("exit 3", "exit status 3"), ("kill -9 $$", "signal 9")])
    def test_a_partner_that_ends_by_itself_is_told_with_its_status(self, ends: str, how: str) -> None:
        """Once, however often it is started again; the kit's own signals are none of its ends."""
        target = f"127.0.0.1:{free_port()}"
        two = ["--only", "life", "--only", "names", "--answer", "0.3", "--quiet", "0.1"]
        found = CliRunner().invoke(command, ["--target", target, "--run", f"sh -c '{ends}'", *two])
        assert found.exit_code == 1, found.output
        assert found.stderr.count(f"the command of --run ended by itself, with {how}\n") == 1
        assert "ended by itself" not in found.stdout

    @pytest.mark.parametrize(
        ("asked", "words"),
        [
            (["--only", "nothing", "--target", "127.0.0.1:1"], "no scenario nothing"),
            ([], "--target HOST:PORT"),
            (["--target", "here"], "is no address"),
            (["--target", "127.0.0.1:0", "--run", "/no/such/program"], "cannot run"),
        ],
    )
    def test_wrong_usage_is_told_in_a_sentence(self, asked: list[str], words: str) -> None:
        found = CliRunner().invoke(command, asked)
        assert (found.exit_code, words in found.output) == (2, True), found.output

    def test_the_list_needs_no_partner(self) -> None:
        found = CliRunner().invoke(command, ["--list", "--json"])
        assert found.exit_code == 0
        assert [json.loads(one)["scenario"] for one in found.output.splitlines()] == [one.name for one in ALL]
