"""The city in force: one key of the JetStream bucket `directory`, and the watch every service keeps on it.

`publish` writes a new revision guarded by the last one (compare and set), so of two officers who publish at
once the second is told; publishing what is in force already changes nothing, and so a publish that timed
out may simply be repeated. History keeps eight revisions for going back.

A `DirectoryWatch` reads the key at start and follows it. When the connection, the bucket or the watch
fails, it begins anew after a short pause, for ever; meanwhile the city it has stays in force. A watch can
go deaf without an error (nats-py loses an ordered consumer over a server restart), so after a silence the
key is compared with what was seen. What does not decode, and a deleted key, are logged and passed over.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from nats.errors import TimeoutError as NatsTimeout
from nats.js import JetStreamContext
from nats.js.api import StorageType
from nats.js.errors import BucketNotFoundError, KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KeyValue

from callmesh.directory.codec import Undecodable, decode, encode, stamp
from callmesh.domain.directory import City
from callmesh.domain.errors import Changed, Invalid, NoDirectory
from callmesh.kernel.subjects import DIRECTORY_BUCKET
from callmesh.kernel.tasks import ended

if TYPE_CHECKING:
    from callmesh.directory.locate import Locator

KEY = "city"
_HISTORY = 8
_MOST = 1024 * 1024 - 4096  # the server's limit for a message, less room for its headers

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Stored:
    """What the key holds; revision 0 is nothing, data None is nothing or deleted."""

    revision: int
    data: bytes | None


async def ensure_bucket(js: JetStreamContext, replicas: int = 1) -> KeyValue:
    """The bucket, created when it is missing; an existing one is left as it is."""
    try:
        return await js.key_value(DIRECTORY_BUCKET)
    except BucketNotFoundError:
        return await js.create_key_value(
            bucket=DIRECTORY_BUCKET, history=_HISTORY, storage=StorageType.FILE, replicas=replicas
        )


async def publish(js: JetStreamContext, city: City, force: bool = False, replicas: int = 1) -> int:
    """Puts the city into force and returns its revision; the one in force when it is the same version.

    `force` writes a new revision even then. Changed: somebody else published meanwhile.
    """
    bucket = await ensure_bucket(js, replicas)
    city = stamp(city)
    last = await _stored(bucket)
    if not force and _version(last.data) == city.version:
        return last.revision
    data = encode(city)
    if len(data) > _MOST:
        zh = "城市数据过大, 请精简区划边界坐标"
        raise Invalid(f"the city has {len(data)} bytes, allowed are {_MOST}", zh, {"city": "too large"})
    try:
        return await bucket.update(KEY, data, last=last.revision)
    except KeyWrongLastSequenceError:
        zh = "城市数据刚被他人更新, 请核对后重新发布"
        raise Changed("another version was published meanwhile", zh) from None


async def fetch(js: JetStreamContext) -> City | None:
    """The city in force, or None; Undecodable when the value cannot be read."""
    try:
        bucket = await js.key_value(DIRECTORY_BUCKET)
    except BucketNotFoundError:
        return None
    data = (await _stored(bucket)).data
    return None if data is None else decode(data)


class DirectoryWatch:
    """Holds the newest readable city. `on_change` callbacks get each new one, in the event loop.

    `pause` is the first wait after a failure (doubled up to `longest`), `silence` how long the watch may
    be quiet before the key itself is looked at; all in seconds.
    """

    def __init__(self, pause: float = 0.25, longest: float = 5.0, silence: float = 5.0) -> None:
        self.on_change: list[Callable[[City], None]] = []
        self._pause, self._longest, self._silence = pause, longest, silence
        self._failures = 0
        self.looked = False
        """True once it is known whether a city is in force; before that nobody can say there is none."""
        self._city: City | None = None
        self._locator: Locator | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def known(self) -> bool:
        """Whether a city is in force."""
        return self._city is not None

    @property
    def city(self) -> City:
        """The city in force; NoDirectory when there is none yet."""
        if self._city is None:
            raise _no_directory()
        return self._city

    @property
    def locator(self) -> Locator:
        """Finds divisions in the city in force; made when first asked for, few services do."""
        from callmesh.directory.locate import Locator

        if self._locator is None:
            self._locator = Locator(self.city)
        return self._locator

    async def start(self, js: JetStreamContext) -> None:
        """Loads the city in force if there is one, then follows. A failure is not raised but tried again."""
        if self._task is not None:
            raise RuntimeError("the directory watch is started already")
        try:
            bucket = await js.key_value(DIRECTORY_BUCKET)
            self._take(await _stored(bucket))
        except Exception as error:
            self.looked = isinstance(error, BucketNotFoundError)
            _log.warning("directory_not_loaded", error=repr(error))
        self._task = asyncio.create_task(self._follow(js), name="directory-watch")

    async def close(self) -> None:
        """Ends following; the last city stays readable."""
        task, self._task = self._task, None
        if task is not None:
            await ended(task)

    async def _follow(self, js: JetStreamContext) -> None:
        while True:
            try:
                await self._watch(await js.key_value(DIRECTORY_BUCKET))
            except Exception as error:
                _log.warning("directory_watch_restarts", error=repr(error))
            await asyncio.sleep(min(self._pause * 2**self._failures, self._longest))
            self._failures = min(self._failures + 1, 16)

    async def _watch(self, bucket: KeyValue) -> None:
        """Follows until something fails. A reset consumer may repeat old revisions: only newer ones count."""
        watcher = await bucket.watch(KEY)
        seen = 0
        try:
            while True:
                try:
                    entry = await watcher.updates(self._silence)  # type: ignore[no-untyped-call]
                except NatsTimeout:
                    await _compare(bucket, seen)
                    continue
                self._failures = 0
                if entry is not None and (entry.revision or 0) > seen:
                    seen = entry.revision or 0
                    self._take(_Stored(seen, None if entry.operation else entry.value))
        finally:
            with contextlib.suppress(Exception):
                await watcher.stop()  # type: ignore[no-untyped-call]

    def _take(self, stored: _Stored) -> None:
        """Puts a stored value into force if it is a new city."""
        self.looked = True
        if stored.data is None:
            if stored.revision:
                _log.error("directory_deleted", revision=stored.revision)
            return
        try:
            city = decode(stored.data)
        except Exception as error:
            _log.error("directory_unreadable", revision=stored.revision, error=repr(error))
            return
        if self._city is None or city.version != self._city.version:
            self._enforce(city, stored.revision)

    def _enforce(self, city: City, revision: int) -> None:
        self._city, self._locator = city, None
        _log.info("directory_in_force", version=city.version, revision=revision)
        for callback in self.on_change:
            try:
                callback(city)
            except Exception as error:
                _log.error("directory_callback_failed", version=city.version, error=repr(error))


async def _stored(bucket: KeyValue) -> _Stored:
    try:
        entry = await bucket.get(KEY)
    except KeyNotFoundError as missing:
        entry = missing.entry
        return _Stored((entry.revision or 0) if entry else 0, None)
    return _Stored(entry.revision or 0, entry.value)


async def _compare(bucket: KeyValue, seen: int) -> None:
    """After a silence: raises when the key has another revision than the watch has shown."""
    stored = await _stored(bucket)
    if stored.revision != seen:
        raise RuntimeError(f"the watch has seen revision {seen} but {stored.revision} is stored")


def _version(data: bytes | None) -> str:
    try:
        return decode(data).version if data else ""
    except Undecodable:
        return ""


def _no_directory() -> NoDirectory:
    return NoDirectory("no city data is in force", "尚无生效的城市数据, 请先发布城市目录")
