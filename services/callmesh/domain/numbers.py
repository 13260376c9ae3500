"""Telephone numbers: what one person writes in several ways is one number.

Repeats, the search by a caller's number and what is kept back from an agency all compare numbers, typed by different
people on different days: with blanks and dashes, with +86 or without, in full-width digits.
"""

from __future__ import annotations

import re
import unicodedata

_TELEPHONE = re.compile(r"[+0-9\s\-().·/]*")
_MOBILE = re.compile(r"(?:0|86|0086)?(1[3-9][0-9]{9})")
_HOME = re.compile(r"0086([0-9]+)")
_SERVICE_DIGITS = 6
"""110, 12345, 999: they have no area code."""


def dialled(number: str) -> str:
    """The number as it is dialled within the country: `+86 138-0000-0000` is 13800000000, `+86 571 8888 0000` is
    057188880000. What is no telephone number (an account of an app) is left as it is."""
    text = unicodedata.normalize("NFKC", number)
    if not _TELEPHONE.fullmatch(text):
        return number
    digits = re.sub("[^0-9]", "", text.replace("+", "00", 1))
    mobile, home = _MOBILE.fullmatch(digits), _HOME.fullmatch(digits)
    if mobile:
        return mobile[1]
    return _with_area(home[1]) if home else digits


def _with_area(number: str) -> str:
    bare = len(number) <= _SERVICE_DIGITS or number.startswith(("0", "400", "800"))
    return number if bare else f"0{number}"
