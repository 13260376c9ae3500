"""`callmesh case`: the table of actions fits the contract, and what is typed becomes the right request."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import click
import pytest
from click.testing import CliRunner

from callmesh.api.v1 import case_pb2, common_pb2, report_pb2
from callmesh.cli import case_codes, endpoints, trace
from callmesh.cli.case_actions import ACTIONS, OPTIONS, Action, On
from callmesh.cli.case_calls import request
from callmesh.cli.main import main
from callmesh.domain.access import ALL, TABLE

READS = {name for name, rule in TABLE.items() if rule.roles == ALL}
MACHINES = {"ReceiveReferrals", "PullReferrals", "AcknowledgeReferral", "SuggestClassification"}
"""What a partner's machine calls, or a desk while somebody types: no action on a case by a person."""

OWN = {"EraseCase", "CheckCity", "ApplyCity"}
"""What has a command of its own: `callmesh erase`, because it cannot be undone, and `callmesh directory`."""


def descriptor(action: Action) -> Any:
    module = import_module(f"callmesh.api.v1.{action.service}_service_pb2")
    return getattr(module, f"{action.rpc}Request").DESCRIPTOR


def test_everything_a_person_may_do_has_its_action() -> None:
    assert set(TABLE) - READS - MACHINES - OWN == {one.rpc for one in ACTIONS.values()}


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_fills_the_fields_of_its_request(name: str) -> None:
    """All of them but who, when changed and what asks; each path exists, each choice is one of the enum."""
    action = ACTIONS[name]
    found = descriptor(action)
    filled = {path.partition(".")[0] for path in (*action.paths.values(), *action.fixed)}
    rest = {one.name for one in found.fields} - filled - {"request_id", "name", "etag"}
    assert rest <= LEFT.get(name, set()), rest
    assert ("name" in found.fields_by_name) is (action.on != On.NOTHING)
    for option, path in action.paths.items():
        field = found
        for one in path.split("."):
            field = (field.message_type if hasattr(field, "number") else field).fields_by_name[one]
        values = [one.name for one in field.enum_type.values] if field.enum_type else []
        assert all(any(one.endswith(word.upper()) for one in values) for word in OPTIONS[option].choices)
        assert bool(OPTIONS[option].choices) is bool(values)


LEFT = {
    "open": {"desk", "called_number", "external_ids", "occurred_at", "rang_at", "answered_at"},
    "amend": {"situation"},
    "progress": {"attachments"},
    "deny-return": {"granted", "agency"},
    "deny-extension": {"granted", "until"},
    "keep-back": {"granted", "fields"},
}
"""What these leave out: a denial names nothing more; pictures come from phones, the rest from switchboards."""


def test_every_option_is_used_and_explained() -> None:
    assert {option for one in ACTIONS.values() for option in one.paths} == set(OPTIONS)
    assert all(one.help.endswith((".", "]", "zone.")) for one in OPTIONS.values())


@pytest.mark.parametrize("name", ["", *ACTIONS])
def test_help_reads_like_a_manual_page(name: str) -> None:
    said = CliRunner().invoke(main, ["case", *filter(None, [name]), "--help"], prog_name="callmesh")
    assert said.exit_code == 0
    for title in ("Usage: callmesh case", "Options:", "Environment:", "Exit status:"):
        assert title in said.output
    assert all(len(line) <= 140 for line in said.output.splitlines())
    assert '""' not in said.output


def typed(*words: str) -> dict[str, Any]:
    """What click makes of it."""
    command = main.get_command(click.Context(main), "case")
    assert isinstance(command, click.Group)
    found = command.get_command(click.Context(command), words[0])
    assert found is not None
    return found.make_context(words[0], list(words[1:])).params


NAME = "cases/r1-0-77CHWZ977XERY72T7EPKMEJHCH"


def made(*words: str) -> Any:
    return request(ACTIONS[words[0]], NAME, typed(words[0], "x", *words[1:]))


def test_what_a_caller_said_is_not_left_out() -> None:
    """Left out, it was recorded as unsolved."""
    said = CliRunner().invoke(main, ["case", "follow-up", "x", "--operator", "110"])
    assert said.exit_code == 2 and "--solved" in said.output


def test_what_is_typed_becomes_the_request() -> None:
    sent = made("transfer", "--agency", "gas", "--support", "water", "--support", "grid", "--mode", "push")
    assert (sent.name, sent.agency, list(sent.support), sent.mode) == (NAME, "gas", ["water", "grid"], 2)
    assert sent.request_id and not sent.etag and sent.mode == common_pb2.MODE_PUSH
    assert made("remind", "--request-id", "r", "--etag", "7").etag == "7"
    said = made("follow-up", "--solved", "--satisfied", "4", "--method", "sms").follow_up
    assert said == case_pb2.FollowUp(reached=True, solved=True, satisfied=4, method=case_pb2.FollowUp.SMS)
    assert not made("follow-up", "--unsolved").follow_up.solved
    nobody = made("unreached")
    assert nobody.HasField("follow_up") and not nobody.follow_up.reached
    assert made("merge", "--into", NAME.removeprefix("cases/")).parent == NAME
    assert made("grant-return").granted and not made("deny-return").granted
    assert made("classify", "--level", "p1").level == common_pb2.LEVEL_P1


def test_an_id_is_known_in_any_letter_case() -> None:
    """It is base 32 of Crockford, which has one."""
    for given in (NAME, NAME.lower(), NAME.removeprefix("cases/").lower(), f"{NAME.lower()}/referrals/2"):
        assert trace.named(given) == NAME
    assert made("merge", "--into", NAME.removeprefix("cases/").lower()).parent == NAME


@pytest.mark.parametrize("zone", ["+08:00", "+0800", "Z", "-03:30"])
def test_a_time_may_have_its_zone(zone: str) -> None:
    sent = made("ask-extension", "--until", f"2026-11-24T18:00{zone}").until
    assert sent.ToDatetime(UTC) == datetime.fromisoformat(f"2026-11-24T18:00{zone}")


def test_counts_are_added_to_a_report() -> None:
    assert made("amend", "--injured", "2", "--dead", "1").situation == report_pb2.Situation(injured=2, dead=1)
    assert not made("amend", "--text", "x").HasField("situation")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["close", "x"], "--operator or CALLMESH_OPERATOR"),
        (["close"], "Missing argument 'CASE'"),
        (["nonsense"], "No such command"),
        (["raise", "x", "--supervision", "green"], "is not one of"),
        (["accept", "x", "0"], "REFERRAL"),
    ],
)
def test_wrong_usage(words: list[str], told: str) -> None:
    said = CliRunner().invoke(main, ["case", *words], env={"CALLMESH_OPERATOR": None})
    assert (said.exit_code, told in said.stderr) == (2, True), said.stderr


@pytest.mark.parametrize(
    ("flags", "told"), [([], []), (["unknown_category"], ["the case is flagged unknown_category"])]
)
def test_without_nats_the_flag_alone_tells_an_unknown_code(flags: list[str], told: list[str]) -> None:
    nowhere = replace(endpoints.default(), nats_url="nats://127.0.0.1:1")
    case = case_pb2.Case(state=case_pb2.Case.CLASSIFIED, flags=flags)
    given = typed("classify", "x", "--category", "gas_leek")
    assert asyncio.run(case_codes.unknown(nowhere, ACTIONS["classify"], given, case)) == told
