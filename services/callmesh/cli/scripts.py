"""Which script the simulated partners follow for which case of the run.

A delivery may arrive before the answer to OpenCase that tells its case's name; so whoever asks for an
unknown case waits for the openings under way, then looks again. A case that is still unknown is another
run's: it gets the default script. What is to be ignored stays so, as far as LYING of them can be remembered.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Iterator

from callmesh.cli.calls import Script

LYING = 4096


class Scripts:
    """Scripts of the cases that are not ended yet."""

    def __init__(self) -> None:
        self._known: dict[str, Script] = {}
        self._lying: OrderedDict[str, Script] = OrderedDict()
        self._openings: set[asyncio.Future[None]] = set()

    @contextlib.contextmanager
    def opening(self) -> Iterator[None]:
        """A case is being opened; its script is `put` before the block ends."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._openings.add(done)
        try:
            yield
        finally:
            self._openings.discard(done)
            done.set_result(None)

    def put(self, case: str, script: Script) -> None:
        """From now on the case is known."""
        self._known[case] = script

    def drop(self, case: str) -> None:
        """The case is done with."""
        script = self._known.pop(case, None)
        if script is not None and script.do == "ignore":
            self._lying[case] = script
            if len(self._lying) > LYING:
                self._lying.popitem(last=False)

    def ours(self, case: str) -> bool:
        """Whether the case is one of this run that has not ended."""
        return case in self._known or case in self._lying

    async def of(self, case: str) -> Script:
        """The case's script."""
        if case not in self._known and self._openings:
            await asyncio.wait(set(self._openings))
        return self._known.get(case) or self._lying.get(case) or Script()
