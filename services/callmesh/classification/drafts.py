"""Drafts of the city's data: checked as `callmesh directory apply` checks a folder, replayed, then put into force.

A draft is the files that differ from those in force. It is read by the same loader out of a passing folder, so what
the console accepts and what the command accepts is the same. A draft without faults is replayed: the last cases are
judged by what is in force and by the draft, and every changed destination is told. Putting into force names the
version that the review told; so nothing is applied that nobody reviewed, and of two officers who apply at once the
second is told (`Changed`). When NATS is away nothing is written and the caller is told to try again.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from nats.errors import Error as NatsError

from callmesh.classification.recorded import Recorded, cases_since
from callmesh.classification.replay import Replayed, Side, replay
from callmesh.classification.verdict import Classifier
from callmesh.directory import store
from callmesh.directory.load import BadCity, Problem, load_city
from callmesh.directory.write import files_of
from callmesh.domain.directory import City
from callmesh.domain.errors import Changed, Invalid, WrongState
from callmesh.kernel.ids import now
from callmesh.kernel.messaging import unreachable
from callmesh.kernel.rpc.call import caller
from callmesh.kernel.telemetry import log
from callmesh.ledger.boot import Mesh

LOOK_BACK = timedelta(days=7)
MOST_CASES, CASES = 1000, 200
EngineOf = Callable[[City], Classifier]


@dataclass(frozen=True, slots=True)
class Review:
    """What a check found; without a city there are faults."""

    in_force: str
    city: City | None = None
    faults: tuple[Problem, ...] = ()
    replayed: Replayed = field(default_factory=lambda: Replayed(0, ()))


class Drafts:
    """Use cases of the city's data. `engine_of` makes a classifier for a city's catalogue."""

    def __init__(self, mesh: Mesh, engine_of: EngineOf) -> None:
        self._mesh, self._engine_of = mesh, engine_of

    @property
    def city(self) -> City:
        """The city in force."""
        return self._mesh.city

    async def check(self, base_version: str, files: Mapping[str, str], cases: int) -> Review:
        """Faults, else the replay; raises Invalid, Changed, Unreachable."""
        if not 0 <= cases <= MOST_CASES:
            raise Invalid("cases is out of range", "回放数量超出范围", {"cases": f"0 to {MOST_CASES}"})
        city = self._based_on(base_version)
        try:
            drafted = await asyncio.to_thread(_read, city, files)
        except BadCity as bad:
            return Review(city.version, faults=tuple(bad.problems))
        recorded = await self._recorded(cases or CASES)
        replayed = await asyncio.to_thread(self._replay, recorded, city, drafted)
        return Review(city.version, drafted, replayed=replayed)

    async def apply(self, base_version: str, files: Mapping[str, str], version: str, reviewed: bool) -> Review:
        """Puts the draft into force; raises Invalid, Changed, WrongState, Unreachable."""
        if self.city.version == version:
            return Review(version, self.city)
        review = await self.check(base_version, files, 0)
        if review.city is None or review.city.version != version:
            zh = "草稿与审查过的版本不一致, 请重新检查后再发布"
            raise Changed("the draft is not what was reviewed; check it again", zh)
        if review.replayed.emergencies and not reviewed:
            zh = f"有 {review.replayed.emergencies} 件紧急事件去向改变, 请逐件核对并确认后再发布"
            raise WrongState("emergencies would go elsewhere; look at each, then confirm", zh, state="unreviewed")
        await self._publish(review.city)
        return Review(review.city.version, review.city, replayed=review.replayed)

    def _based_on(self, version: str) -> City:
        city = self.city
        if version != city.version:
            zh = "城市数据刚被他人更新, 请重新载入后再修改"
            raise Changed(f"version {city.version} is in force, the draft was made of another", zh, city.version)
        return city

    async def _recorded(self, most: int) -> list[Recorded]:
        runtime = self._mesh.runtime
        since = now() - LOOK_BACK
        try:
            found = await cases_since(runtime.js, runtime.names, runtime.settings.shard, since, runtime.vault)
        except (NatsError, OSError, TimeoutError):
            raise unreachable() from None
        return found[-most:]

    def _replay(self, recorded: list[Recorded], city: City, drafted: City) -> Replayed:
        before, after = (Side(self._engine_of(one), one) for one in (city, drafted))
        return replay(recorded, before, after)

    async def _publish(self, city: City) -> None:
        try:
            revision = await store.publish(self._mesh.runtime.js, city, replicas=self._mesh.runtime.settings.replicas)
        except (NatsError, OSError, TimeoutError):
            raise unreachable() from None
        log.info("city applied", version=city.version, sequence=revision, agency=caller().agency)


def _read(city: City, files: Mapping[str, str]) -> City:
    """The city that the files in force and the draft's together state; raises BadCity, Invalid."""
    whole = files_of(city)
    unknown = sorted(files.keys() - whole.keys())
    if unknown:
        raise Invalid(f"no such file: {unknown[0]}", "草稿中有无法识别的文件", {"files": "unknown name"})
    with tempfile.TemporaryDirectory() as made:
        for name, text in (whole | dict(files)).items():
            (Path(made) / name).write_text(text, encoding="utf-8")
        return load_city(Path(made))
