"""The database of the read model: one thread writes, a few read.

A batch travels: the position is moved on from the value this process knows (so a second writer is
noticed, not overwritten), rows follow, all in one transaction. It is on disk before `write` returns
(SQLite: WAL, synchronous=FULL; readers never wait for the writer). A database that is away, locked or
full raises `Away`: nothing was written, the same may be tried again. Other errors are defects.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Insert, Table, create_engine, delete, event, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.schema import CreateTable

from callmesh.domain.errors import Unreachable
from callmesh.kernel.config import Settings
from callmesh.tracking import hotspots, schema
from callmesh.tracking.items import Row
from callmesh.tracking.rows import Rows

READERS = 4
BUSY_MILLISECONDS = 5_000
CACHE_KIB, CHECKPOINT_PAGES = 64 * 1024, 16_000
"""Of who writes the embedded database: case ids are random, so a batch touches pages all over the keys. What the cache
holds is not read again, and what many batches changed is copied but once out of the journal (64 MiB)."""
T = TypeVar("T")


class Away(Exception):
    """The database cannot be used now."""


class Moved(Exception):
    """Another process wrote this model meanwhile; read the position again."""


def url_of(settings: Settings) -> str:
    """Where the model is; the folder of an embedded one is made."""
    if settings.database_url:
        return settings.database_url
    folder = Path(settings.data_dir)
    folder.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{folder / 'tracking.db'}"


def engine_of(url: str, readers: int, write: bool) -> Engine:
    """An engine whose transactions see one state of the database throughout."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(parsed, pool_size=readers, max_overflow=0)
        _prepare_sqlite(engine, write)
        return engine
    isolation = "READ COMMITTED" if write else "REPEATABLE READ"
    return create_engine(parsed, pool_size=readers, max_overflow=0, pool_pre_ping=True, isolation_level=isolation)


def _prepare_sqlite(engine: Engine, write: bool) -> None:
    """Transactions begin when we say so (the driver's own idea of it leaves reads without one)."""

    @event.listens_for(engine, "connect")
    def connected(raw: Any, record: Any) -> None:
        raw.isolation_level = None
        raw.execute(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")
        raw.execute("PRAGMA journal_mode=WAL")
        raw.execute("PRAGMA synchronous=FULL")
        if write:
            raw.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
            raw.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


class Store:
    """The model of one database. Each stream of the log has its own position in it, and one writer."""

    def __init__(self, url: str) -> None:
        self.writer, self.reader = engine_of(url, 1, True), engine_of(url, READERS, False)
        self._writing = ThreadPoolExecutor(1, "tracking-write")
        self._reading = ThreadPoolExecutor(READERS, "tracking-read")
        upserts = _Upserts(self.writer.dialect.name)
        self._cases = _Many(upserts.replace(schema.cases), self.writer)
        self._referrals = _Many(upserts.replace(schema.referrals), self.writer)
        self._identifiers = _Many(upserts.ignore(schema.identifiers), self.writer)
        self._parties = _Many(upserts.ignore(schema.parties), self.writer)
        self._events = _Many(insert(schema.events), self.writer)
        self._hotspots = hotspots.Upserts(upserts.replace(schema.hotspots), upserts.ignore(schema.alerts))

    async def open(self, stream: str) -> int:
        """Makes the tables, drops those of another version; the position in this stream."""
        return await self.on_writer(lambda: self._open(stream))

    async def write(self, rows: Rows, stream: str, old: int, new: int, threshold: int = 0) -> set[int]:
        """Stores a batch of a stream and its new position; sequences that raised a hotspot alert (threshold above 0).

        Raises Away or Moved, and then nothing is stored.
        """
        return await self.on_writer(lambda: self.write_now(rows, stream, old, new, threshold))

    async def on_writer(self, work: Callable[[], T]) -> T:
        """Runs something in the thread that writes."""
        return await asyncio.get_running_loop().run_in_executor(self._writing, _translated, work)

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Runs a query on one state of the database; raises Unreachable (for callers) when it is away."""

        def work() -> T:
            with self.reader.connect() as connection, connection.begin():
                return query(connection)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._reading, _translated, work)
        except Away as wrong:
            raise Unreachable("the read model cannot be read now", "查询暂时不可用, 请稍后重试") from wrong

    async def close(self) -> None:
        """Waits for the running work and closes."""
        for pool in (self._writing, self._reading):
            await asyncio.to_thread(pool.shutdown)
        self.writer.dispose()
        self.reader.dispose()

    def write_now(self, rows: Rows, stream: str, old: int, new: int, threshold: int = 0) -> set[int]:
        """As `write`, in the calling thread."""
        with self.writer.begin() as connection:
            moved = connection.execute(
                update(schema.position)
                .where(schema.position.c.stream == stream, schema.position.c.sequence == old)
                .values(sequence=new)
            )
            if moved.rowcount != 1:
                raise Moved
            raised = hotspots.count(connection, self._hotspots, rows.sightings, threshold, stream)
            for statement, given in (
                (self._cases, rows.cases),
                (self._referrals, rows.referrals),
                (self._identifiers, rows.identifiers),
                (self._parties, rows.parties),
                (self._events, rows.events),
            ):
                if given:
                    statement.execute(connection, given)
            if rows.erased:
                table = schema.identifiers
                known = table.c.kind.in_((schema.CALLER, schema.SHIELDED)), table.c.case_id.in_(rows.erased)
                connection.execute(delete(table).where(*known))
        return raised

    def wipe_now(self) -> None:
        """Drops everything and makes empty tables, in the calling thread."""
        self._drop(schema.metadata.sorted_tables)

    def empty_now(self) -> None:
        """As `wipe_now`, but keeps what was decided and not only counted: the alerts."""
        self._drop([one for one in schema.metadata.sorted_tables if one is not schema.alerts])

    def _drop(self, tables: Sequence[Table]) -> None:
        with self.writer.begin() as connection:
            schema.metadata.drop_all(connection, tables=tables)
            self._make(connection)

    def _open(self, stream: str) -> int:
        position = schema.position
        with self.writer.begin() as connection:
            schema.model.create(connection, checkfirst=True)
            if connection.scalar(select(schema.model.c.version)) != schema.VERSION:
                schema.metadata.drop_all(connection)
            self._make(connection)
            ignore = _Upserts(connection.dialect.name).ignore
            connection.execute(ignore(position), {"stream": stream, "sequence": 0})
            return int(connection.scalar(select(position.c.sequence).where(position.c.stream == stream)) or 0)

    def index_now(self) -> None:
        """Makes the indexes that are missing, in the calling thread: a new model is filled without, which writes a
        fraction of the pages, and sorted indexes at its end cost little."""
        with self.writer.begin() as connection:
            for table in schema.metadata.sorted_tables:
                for one in sorted(table.indexes, key=lambda index: str(index.name)):
                    one.create(connection, checkfirst=True)

    def _make(self, connection: Connection) -> None:
        for table in schema.metadata.sorted_tables:
            connection.execute(CreateTable(table, if_not_exists=True))
        ignore = _Upserts(connection.dialect.name).ignore
        connection.execute(ignore(schema.model), {"version": schema.VERSION})


class _Many:
    """A statement for many rows, compiled once and handed to the driver as it is: half the cost of a batch otherwise.

    All columns are numbers, texts, flags and bytes, which both drivers take as they are.
    """

    def __init__(self, statement: Insert, engine: Engine) -> None:
        compiled = statement.compile(dialect=engine.dialect)
        self._text = str(compiled)
        names = compiled.positiontup
        self._tuple: Callable[[Row], Any] | None = itemgetter(*names) if names else None

    def execute(self, connection: Connection, rows: list[Row]) -> None:
        """Writes the rows."""
        given: Any = rows if self._tuple is None else list(map(self._tuple, rows))
        connection.exec_driver_sql(self._text, given)


class _Upserts:
    """`INSERT ... ON CONFLICT`, which both databases have and spell alike."""

    def __init__(self, dialect: str) -> None:
        self._insert: Any = sqlite.insert if dialect == "sqlite" else postgresql.insert

    def replace(self, table: Table) -> Insert:
        """Overwrites a row of the same key."""
        statement = self._insert(table)
        keys = list(table.primary_key.columns)
        changed = {one.name: statement.excluded[one.name] for one in table.columns if one not in keys}
        made: Insert = statement.on_conflict_do_update(index_elements=keys, set_=changed)
        return made

    def ignore(self, table: Table) -> Insert:
        """Leaves a row of the same key."""
        made: Insert = self._insert(table).on_conflict_do_nothing()
        return made


def _translated(work: Callable[[], T]) -> T:
    try:
        return work()
    except (OperationalError, InterfaceError) as wrong:
        raise Away(type(wrong.orig).__name__) from wrong
