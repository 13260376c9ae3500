"""Changed copies of the domain's frozen values.

`dataclasses.replace` gives every field to `__init__` again, which sets each of a frozen value the long way: 20 to 30 us
for a case or a referral, three or four times for every fact, in every service. What stays is taken over as it
is here, which is sound because no value of the domain checks or computes anything when it is made: `decide` does.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import replace as replace  # so that the types of the changes are checked
else:

    def replace(value, /, **changes):
        """A copy of a value with slots, with some fields changed; AttributeError for a field that it lacks."""
        copy = object.__new__(type(value))
        for read, write in _slots(type(value)):
            write(copy, read(value))
        for name, changed in changes.items():
            getattr(type(value), name).__set__(copy, changed)
        return copy


@cache
def _slots(cls: Any) -> tuple[tuple[Callable[[Any], Any], Callable[[Any, Any], None]], ...]:
    """What reads each field of a value, and what writes it."""
    found = (getattr(cls, name) for name in cls.__slots__)
    return tuple((one.__get__, one.__set__) for one in found)
