"""Languages: zh-CN first, en second. Texts in code and templates are English; locale/zh_CN/*.po have the Chinese.

They are read at start, so there is nothing to build. A text without a translation fails a test.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from babel.messages.pofile import read_po

LANGUAGES = ("zh", "en")
COOKIE = "lang"
_CATALOGUES = Path(__file__).parent / "locale" / "zh_CN"


@cache
def chinese() -> dict[str, str]:
    """English text -> Chinese text."""
    found: dict[str, str] = {}
    for path in sorted(_CATALOGUES.glob("*.po")):
        with path.open("rb") as file:
            found |= {str(one.id): str(one.string) for one in read_po(file, locale="zh_CN") if one.id and one.string}
    return found


def translate(text: str, language: str, **given: object) -> str:
    """The text in that language, with `{names}` filled in."""
    found = chinese().get(text, text) if language == "zh" else text
    return found.format(**given) if given else found


def language_of(cookie: str, accepted: str) -> str:
    """What the person chose, else English if the browser asks for it before Chinese, else Chinese."""
    if cookie in LANGUAGES:
        return cookie
    first = accepted.partition(",")[0].strip().lower()
    return "en" if first.startswith("en") else "zh"
