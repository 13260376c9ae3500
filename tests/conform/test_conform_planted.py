"""Mistakes of partners, each planted and each found by the scenario meant for it; a correct partner is never blamed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from callmesh.cli.authority import Authority
from callmesh.conform.run import Verdict
from callmesh.conform.scenarios import BY_NAME
from callmesh.partner.faults import Fault
from support.conformance import AGENCY, BRISK, PATIENT, result, run_of
from support.identities import authority

F = Fault
SEEDS = (1, 2, 3)
MEANT: dict[Fault, tuple[str, str]] = {
    F.NO_RECEIPT: ("life", "was not receipted"),
    F.EARLY_RECEIPT: ("storing", "no accept of"),
    F.NO_SECOND_RECEIPT: ("duplicates", "was not receipted 2 times"),
    F.RECEIPT_WITHOUT_ID: ("receipts", "names no delivery_id"),
    F.RECEIPT_IS_ACCEPTANCE: ("acceptance", "accept came again"),
    F.NOT_DEDUPLICATED: ("duplicates", "worked anew"),
    F.STALE_NEWS_WINS: ("overtaken", "RECALLED has the higher etag"),
    F.UNKNOWN_KIND_HANGS_UP: ("unknown-kind", "kind 99"),
    F.UNKNOWN_KIND_DROPPED: ("unknown-kind", "kind 99"),
    F.UNKNOWN_CODE_REFUSED: ("unknown-code", "no accept of"),
    F.UNKNOWN_FIELD_REFUSED: ("unknown-field", "was not receipted"),
    F.NEW_ID_EACH_TRY: ("lost-answer", "must have the same request_id"),
    F.ONE_ID_FOR_ALL: ("request-ids", "stands for accept and for"),
    F.BAD_REQUEST_ID: ("request-ids", "1 to 64 printable characters"),
    F.FORGETS_UNANSWERED: ("lost-answer", "accept did not come again"),
    F.NO_HANDLER: ("limits", "handler is required"),
    F.RESOLVES_UNACCEPTED: ("life", "not allowed in state OFFERED"),
    F.NO_PUBLIC_REPLY: ("limits", "public_reply is required"),
    F.GUESSES_NAMES: ("names", "never given to this partner"),
    F.TEXT_TOO_LONG: ("limits", "too long: text"),
    F.IGNORES_REFUSAL: ("refused", "although the acceptance had been refused"),
    F.REPEATS_REFUSED: ("refused", "was sent"),
    F.IGNORES_RETRY_INFO: ("overloaded", "RetryInfo asked for"),
    F.BLOCKS_ON_ANSWER: ("slow-answers", "was not receipted"),
    F.FORGETS_SUPPORT: ("support", "no resolve of"),
    F.IGNORES_RECALL: ("recalled", "told that it is over"),
    F.GIVES_UP_LATE: ("late", "no accept of"),
    F.WORKS_PAUSED: ("paused", "while the referral was suspended"),
    F.NO_RECONNECT: ("reconnect", "did not come back"),
    F.RECONNECT_STORM: ("back-off", "while the mesh was away"),
    F.STREAM_LEAK: ("streams", "2 streams are open"),
    F.DEADLINE_ON_STREAM: ("streams", "deadline"),
    F.NO_HELLO: ("hello", "was not hello"),
    F.TOO_MUCH_IN_FLIGHT: ("hello", "more than 1000"),
    F.WRONG_AGENCY: ("identity", "expected 'water'"),
    F.ANY_CERTIFICATE: ("certificates", "whose certificate is wrong"),
}
_SECURE = {F.ANY_CERTIFICATE}
SLOW = replace(BRISK, answer=10.0, quiet=5.0)


@pytest.fixture
def ca(tmp_path: Path) -> Authority:
    return authority(tmp_path / "ca")


def test_every_mistake_has_its_scenario() -> None:
    assert set(MEANT) == set(Fault)
    assert all(name in BY_NAME for name, _ in MEANT.values())


@pytest.mark.parametrize("fault", [one for one in MEANT if one not in _SECURE], ids=lambda one: one.value)
async def test_a_planted_mistake_is_found(fault: Fault) -> None:
    name, words = MEANT[fault]
    for pace in (BRISK, SLOW):  # on a machine that stands still for a moment another silence may be told first
        found = result(await run_of([fault], [name], pace=pace), name)
        if (found.verdict, words in found.why) == (Verdict.FAIL, True):
            break
    else:
        raise AssertionError(found)
    assert found.lines, "with what went over the wire"


@pytest.mark.parametrize("fault", _SECURE, ids=lambda one: one.value)
async def test_a_mistake_about_certificates_is_found(fault: Fault, ca: Authority, tmp_path: Path) -> None:
    name, words = MEANT[fault]
    # it looks at what is shown now and then
    found = result(await run_of([fault], [name], pace=SLOW, folder=ca.folder, own=tmp_path), name)
    assert (found.verdict, words in found.why) == (Verdict.FAIL, True), found


async def test_an_agency_other_than_the_certificates_is_found(ca: Authority, tmp_path: Path) -> None:
    found = result(await run_of([F.WRONG_AGENCY], ["identity"], pace=SLOW, folder=ca.folder, own=tmp_path), "identity")
    assert (found.verdict, f"certificate is of agency {AGENCY}" in found.why) == (Verdict.FAIL, True), found


async def test_a_correct_partner_is_never_blamed() -> None:
    """Three seeds side by side: everything passes that can be shown without certificates and unary calls."""
    runs = await asyncio.gather(*(run_of(seed=seed, pace=PATIENT) for seed in SEEDS))
    for run in runs:
        blamed = {one.scenario.name: (one.why, one.lines) for one in run.results if one.verdict == Verdict.FAIL}
        assert not blamed, run.seed
        unseen = {one.scenario.name for one in run.results if one.verdict == Verdict.NOT_SHOWN}
        assert unseen == {"certificates", "deadlines"}
        assert run.passed


async def test_a_correct_partner_that_pulls_is_not_blamed_either() -> None:
    run = await run_of(pace=PATIENT, poll=0.1)
    blamed = {one.scenario.name: (one.why, one.lines) for one in run.results if one.verdict == Verdict.FAIL}
    assert not blamed
    unseen = {one.scenario.name for one in run.results if one.verdict == Verdict.NOT_SHOWN}
    assert unseen == {"hello", "streams", "heartbeat", "certificates"}


async def test_a_correct_partner_refuses_wrong_certificates(ca: Authority, tmp_path: Path) -> None:
    run = await run_of(only=["life", "certificates", "identity"], pace=PATIENT, folder=ca.folder, own=tmp_path)
    assert [one.verdict for one in run.results] == [Verdict.PASS] * 3, [one.why for one in run.results]
    told = " ".join(result(run, "certificates").lines)
    for wrong in ("not trusted", "self-signed", "expired", "another name"):
        assert wrong in told


async def test_a_partner_that_never_comes_is_not_shown() -> None:
    run = await run_of([F.NO_HELLO], ["life", "burst"], pace=BRISK)
    assert [(one.verdict, one.why) for one in run.results] == [(Verdict.NOT_SHOWN, "the partner is not connected")] * 2
    assert not run.passed
