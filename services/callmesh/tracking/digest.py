"""One hash over all rows in a fixed order: two models are equal exactly when their digests are.

Both databases give the same digest for the same log. Hotspot alerts stay out of it: the threshold that raised
them is the city's and not in the log. The counts they come from are in it.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from sqlalchemy import Engine, select

from callmesh.tracking import schema

_ROWS = 1000


def digest(engine: Engine) -> str:
    """The digest of the model in this database, as 64 hexadecimal digits."""
    found = sha256()
    with engine.connect() as connection, connection.begin():
        for table in schema.metadata.sorted_tables:
            if table is schema.alerts:
                continue
            found.update(table.name.encode())
            query = select(table).order_by(*table.primary_key.columns)
            for row in connection.execute(query.execution_options(yield_per=_ROWS)):
                found.update(repr(tuple(map(_plain, row))).encode())
    return found.hexdigest()


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value
