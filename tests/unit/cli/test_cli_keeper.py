"""One process kept: its end, its restart, and that it never outlives its supervisor."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from callmesh.cli import tether
from callmesh.cli.child import Child, how_it_ended
from callmesh.cli.keeper import Keeper
from callmesh.cli.output import Failure
from support.waiting import PATIENCE, until

WAITS = "import signal, pathlib; pathlib.Path(r'{ready}').touch(); signal.pause()"
DEAF = "import signal, pathlib; signal.signal(15, signal.SIG_IGN); pathlib.Path(r'{ready}').touch(); signal.pause()"


class Kept:
    """A keeper of a small Python program that touches a file when it is ready."""

    def __init__(self, folder: Path, code: str) -> None:
        self.ready_file, self.told, self.changes = folder / "ready", list[str](), 0
        command = [sys.executable, "-I", "-S", "-c", code.format(ready=self.ready_file)]
        self.child = Child("thing", command, dict(os.environ), folder / "thing.log")
        self.keeper = Keeper(self.child, "nowhere", self._ready, lambda _, text: self.told.append(text), self._changed)

    async def _ready(self, seconds: float | None) -> None:
        async with asyncio.timeout(seconds):
            await until(self.ready_file.exists, "the file")

    def _changed(self) -> None:
        self.changes += 1


async def test_starts_ends_and_says_so(tmp_path: Path) -> None:
    kept = Kept(tmp_path, WAITS)
    await kept.keeper.start(PATIENCE)
    assert kept.child.running and psutil.pid_exists(kept.child.pid)
    assert "ready after" in kept.told[0]
    assert await kept.keeper.stop()
    assert not kept.child.running


async def test_a_child_that_ends_before_it_is_ready_is_a_failure_with_its_last_words(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "import sys; sys.exit('the reason')")
    with pytest.raises(Failure, match=r"thing stopped before it was ready: the reason .*thing.log"):
        await kept.keeper.start(PATIENCE)


async def test_a_child_that_takes_too_long_is_a_failure(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "import signal; signal.pause()")
    with pytest.raises(Failure, match="was not ready within 0 s"):
        await kept.keeper.start(0.2)
    await kept.keeper.stop()


async def test_a_killed_child_is_started_again_with_growing_pauses(tmp_path: Path) -> None:
    kept = Kept(tmp_path, WAITS)
    await kept.keeper.start(PATIENCE)
    for times in (1, 2):
        before = kept.child.pid
        kept.ready_file.unlink()
        await kept.keeper.kill(signal.SIGKILL, stay_down=False)
        await until(lambda: kept.ready_file.exists() and kept.child.pid != before)  # noqa: B023
        assert kept.changes == times
    told = [text for text in kept.told if "killed" in text]
    assert told == [f"was killed by SIGKILL; starting it again in {pause} s" for pause in ("0.1", "0.2")]
    await kept.keeper.stop()


async def test_stay_down_until_restart(tmp_path: Path) -> None:
    kept = Kept(tmp_path, WAITS)
    await kept.keeper.start(PATIENCE)
    before = kept.child.pid
    await kept.keeper.kill(signal.SIGKILL, stay_down=True)
    assert not kept.child.running
    kept.ready_file.unlink()
    await kept.keeper.restart(PATIENCE)
    assert kept.child.running and kept.child.pid != before
    await kept.keeper.stop()


async def test_a_stopped_process_can_still_be_ended(tmp_path: Path) -> None:
    kept = Kept(tmp_path, WAITS)
    await kept.keeper.start(PATIENCE)
    await kept.keeper.kill(signal.SIGSTOP, stay_down=False)
    await until(lambda: psutil.Process(kept.child.pid).status() == psutil.STATUS_STOPPED)
    assert await kept.keeper.stop()


async def test_who_does_not_end_when_asked_is_killed(tmp_path: Path) -> None:
    kept = Kept(tmp_path, DEAF)
    await kept.keeper.start(PATIENCE)
    await kept.keeper._let_go()
    assert not await kept.child.stop(0.1)
    assert not kept.child.running


async def test_a_large_log_is_put_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callmesh.cli.child._LOG_BYTES", 10)
    (tmp_path / "thing.log").write_text("more than ten bytes")
    kept = Kept(tmp_path, WAITS)
    await kept.keeper.start(PATIENCE)
    await kept.keeper.stop()
    assert (tmp_path / "thing.log.1").read_text() == "more than ten bytes"
    assert kept.child.last_words() == ""


def test_ends_in_words() -> None:
    assert how_it_ended(3) == "ended with status 3"
    assert how_it_ended(-9) == "was killed by SIGKILL"
    assert how_it_ended(-99) == "was killed by signal 99"


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's help is Linux's")
async def test_nothing_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    supervisor = f"""
import os, pathlib, signal, subprocess, sys
child = subprocess.Popen([sys.executable, "-I", "-S", {tether.__file__!r}, str(os.getpid()), "/bin/sleep", "1000"])
pathlib.Path({str(tmp_path / "pid")!r}).write_text(str(child.pid) + " ")
signal.pause()
"""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", supervisor)
    await until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().endswith(" "))
    child = psutil.Process(int((tmp_path / "pid").read_text()))
    await until(lambda: child.name() == "sleep")
    process.kill()
    await process.wait()
    await until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's help is Linux's")
def test_a_child_whose_supervisor_is_gone_already_ends() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", tether.__file__, "1", "/bin/true"], timeout=PATIENCE, check=False
    )
    assert done.returncode == 1
