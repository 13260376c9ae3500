"""A simulated partner with planned mistakes, tested by the kit in this process, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from callmesh.cli import conform_certificates as certificates
from callmesh.conform.kit import Kit
from callmesh.conform.run import Result, Run, play
from callmesh.conform.scenario import Scenario
from callmesh.conform.scenarios import ALL, BY_NAME
from callmesh.conform.stage import Pace, Stage
from callmesh.kernel.config import Settings
from callmesh.kernel.rpc.secure import Wallet
from callmesh.partner.errors import PartnerError
from callmesh.partner.faults import Fault, FaultPlan
from callmesh.partner.simulated import SimulatedPartner

AGENCY, OTHER = "water", "110"
PATIENT = Pace(answer=30.0, quiet=0.2, outage=1.0, retry=0.4, burst=80)
BRISK = Pace(answer=1.5, quiet=0.1, outage=1.0, retry=0.4, burst=40)
PERSON_SECONDS = 0.02


async def run_of(
    faults: Sequence[Fault] = (),
    only: Sequence[str] = (),
    seed: int = 1,
    pace: Pace = BRISK,
    folder: Path | None = None,
    own: Path | None = None,
    poll: float = 0.0,
) -> Run:
    """The run of a partner with these mistakes; with certificates of `folder`, wrong ones made in `own`.

    With `poll` it holds no stream and pulls so often, in seconds.
    """
    settings, wrong = Settings(log_level="error"), []
    if folder is not None and own is not None:
        settings, wrong = certificates.settings(folder, own, "127.0.0.1"), certificates.wrong(folder, own, "127.0.0.1")
    kit = Kit(settings, wrong)
    address = f"127.0.0.1:{await kit.listen('127.0.0.1', 0)}"
    run = Run(address, AGENCY, seed, folder is not None, "callmesh conform")
    try:
        async with _connected(address, FaultPlan(seed, faults), folder, poll):
            await play(Stage(kit, seed, AGENCY, pace), chosen(only), run, lambda result: None)
    finally:
        await kit.close()
    return run


def chosen(names: Sequence[str]) -> Sequence[Scenario]:
    """The scenarios of these names, all without."""
    return [BY_NAME[one] for one in names] or ALL


def result(run: Run, name: str) -> Result:
    return next(one for one in run.results if one.scenario.name == name)


@asynccontextmanager
async def _connected(address: str, plan: FaultPlan, folder: Path | None, poll: float) -> AsyncIterator[None]:
    """The partner runs as long as it can; some mistakes end it."""
    identity = Wallet(folder) if folder is not None else None

    async def life() -> None:
        with contextlib.suppress(PartnerError):
            made = SimulatedPartner(address, AGENCY, plan=plan, pace=PERSON_SECONDS, identity=identity, poll=poll)
            async with made:
                await asyncio.Event().wait()

    living = asyncio.create_task(life())
    try:
        yield
    finally:
        living.cancel()
        await asyncio.gather(living, return_exceptions=True)
