"""What JetStream says of a message that it delivers: it stands in the subject that acknowledges it.

`$JS.ACK.<stream>.<consumer>.<attempt>.<sequence>.<delivery>.<stored at>.<left>`, two tokens more (domain, account) in
the longer form. The library's `metadata` parses all of it, a date too, which every reader would pay for every fact.
"""

from __future__ import annotations

import time

from nats.aio.msg import Msg

_ATTEMPT, _SEQUENCE, _STORED_AT, _LEFT, _SHORT_FORM = 4, 5, 7, 8, 9


def sequence_of(message: Msg) -> int:
    """Its sequence in the stream."""
    return _told(message, _SEQUENCE)


def attempt_of(message: Msg) -> int:
    """How often it was delivered, from 1."""
    return _told(message, _ATTEMPT)


def age_of(message: Msg) -> float:
    """Seconds since it was stored."""
    return time.time() - _told(message, _STORED_AT) / 1e9


def left_of(message: Msg) -> int:
    """How many the stream held behind it for the consumer, when it was delivered."""
    return _told(message, _LEFT)


def _told(message: Msg, place: int) -> int:
    tokens = message.reply.split(".")
    return int(tokens[place if len(tokens) == _SHORT_FORM else place + 2])
