"""How far a reader is, where a restart of NATS does not forget it.

A durable consumer that NATS keeps in a file has it rewritten ten times a second while it reads: a new file, synced,
renamed, its folder synced, as dear as a fact that is stored. So what reads for a service stands in NATS's memory, and
every few seconds the reader stores how far it is as a message of its own. NATS started anew has forgotten the reader:
it is made again behind what this process handled, or if that is new as well, behind its bookmark. What was handled
since then comes again, which handlers do not mind; nothing is skipped, since only what was handled is ever noted. A log
that was made anew, which begins at 1 again, is told by the time of its making, and read from its start.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from callmesh.kernel.subjects import Names
from callmesh.kernel.telemetry import clock

KEEP_SECONDS = 5.0
STORE_SECONDS = 2.0


@dataclass
class Bookmark:
    """Of one durable: `find` it whenever NATS is reached, tell it what was handled, `keep` it now and then."""

    js: JetStreamContext
    names: Names
    stream: str
    durable: str
    known: Callable[[], int] = int
    """What the reader knows by itself to have been handled."""
    handled: int = 0
    """Sequence of the last message that was, with all before it."""
    _made: str = ""
    _kept: int = 0
    _since: float = 0.0

    async def find(self) -> None:
        """Makes `handled` true of the stream as it is now; raises what NATS does."""
        made = str((await self.js.stream_info(self.stream)).created)
        if made != self._made:
            self._made, self.handled = made, await self._stored(made)
            self._kept = self.handled
        self.handled = max(self.handled, self.known())

    async def keep(self, *, at_once: bool = False) -> None:
        """Stores it, if it moved and the last time is KEEP_SECONDS ago; if that fails, another time."""
        if self.handled == self._kept or (clock() - self._since < KEEP_SECONDS and not at_once):
            return
        handled, self._since = self.handled, clock()
        with contextlib.suppress(NatsError, OSError, TimeoutError):
            await self.js.publish(self._subject, f"{handled} {self._made}".encode(), timeout=STORE_SECONDS)
            self._kept = handled

    @property
    def _subject(self) -> str:
        return self.names.bookmark(self.stream, self.durable)

    async def _stored(self, made: str) -> int:
        try:
            found = await self.js.get_last_msg(self.names.bookmarks_stream, self._subject)
        except NotFoundError:
            return 0
        sequence, _, of = (found.data or b"").decode().partition(" ")
        return int(sequence) if of == made else 0
