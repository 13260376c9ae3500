"""The connection to NATS as every process has it: nats-py's, with the headers of a message read once and cheaply.

Every fact reaches some seven readers, each of which pays for reading its headers. The library looks at every byte of
every line; ours are plain `Name: value` lines in UTF-8, and NATS refuses a publisher whose are not. This overrides one
private method of the pinned library: a test holds it to the original, and a release that renames it only loses time.
"""

from __future__ import annotations

from nats.aio.client import Client

_BLANKS = " \t\v\f\r\n"


class Connection(Client):
    """A client of NATS."""

    @staticmethod
    def _parse_header_lines(raw: bytes) -> dict[str, str]:
        found = {}
        for line in raw.decode("utf-8", "replace").split("\r\n"):
            name, colon, value = line.partition(":")
            if colon:
                found[name] = value.strip(_BLANKS)
        return found
