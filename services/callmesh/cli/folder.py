"""A mesh's folder: one mesh at a time, and its data stays for the next."""

from __future__ import annotations

import fcntl
import shutil
from pathlib import Path
from typing import IO

from callmesh.cli.endpoints import FILE
from callmesh.cli.output import BadInput, Failure

_LOCK = "lock"


class Folder:
    """Taken before anything is written to it, released when all processes have ended."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: IO[str] | None = None

    @property
    def is_ours(self) -> bool:
        """Whether it is taken."""
        return self._lock is not None

    def take(self, fresh: bool) -> None:
        """Makes it ours, empty when a fresh one is wanted; Failure while a mesh runs, BadInput when it cannot be."""
        try:
            self._take(fresh)
        except OSError as wrong:
            reason = f"{wrong.strerror or wrong}: {wrong.filename}"
            raise BadInput(f"{self.path} cannot be a mesh's folder ({reason}); choose another") from None

    def _take(self, fresh: bool) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        if fresh and any(self.path.iterdir()) and not (self.path / _LOCK).exists():
            raise BadInput(f"{self.path} was not made by callmesh; empty it yourself or choose another folder")
        self._lock = self._locked()
        if fresh:
            self._empty()
        (self.path / FILE).unlink(missing_ok=True)
        for part in ("nats", "logs"):
            (self.path / part).mkdir(exist_ok=True)

    def release(self) -> None:
        """For the next mesh; nobody is told addresses any more."""
        (self.path / FILE).unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _locked(self) -> IO[str]:
        lock = (self.path / _LOCK).open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            raise Failure(f"a mesh runs in {self.path} already; stop it or choose another folder") from None
        return lock

    def _empty(self) -> None:
        for one in self.path.iterdir():
            if one.name == _LOCK:
                continue
            if one.is_dir() and not one.is_symlink():
                shutil.rmtree(one)
            else:
                one.unlink()
