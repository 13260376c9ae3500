"""Metamorphic growth: other ways in which callers write the same emergency."""

from __future__ import annotations

from collections.abc import Iterator

import opencc

_TRADITIONAL = opencc.OpenCC("s2tw")
_HONG_KONG = opencc.OpenCC("s2hk")
_HOMOPHONES = str.maketrans("命劫楼杀火烟血刀抢跳打气电救晕", "名结搂傻伙言雪到枪挑达汽店旧云")
_LONG = (
    "您好，我是本小区的业主，长期以来物业服务不到位，垃圾清运不及时，楼道灯也不亮，我们多次向物业反映都没有结果，"
    "停车位也不够用，晚上广场舞音响很大影响休息，希望有关部门重视。"
)


def variants(text: str) -> Iterator[tuple[str, str]]:
    """Name and text of every variant of a report."""
    yield "as written", text
    yield "traditional", _TRADITIONAL.convert(text)
    yield "hong kong", _HONG_KONG.convert(text)
    yield "full width", "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text)
    yield "upper case", text.upper()
    yield "zero width", "\u200b".join(text)
    yield "right to left marks", "\u202e" + "\u200f".join(text)
    yield "prefixed enquiry", "咨询：" + text
    yield "prefixed complaint", "我要投诉，" + text
    yield "prefixed polite", "你好，请问一下，" + text
    yield "suffixed", text + "，希望尽快处理，谢谢"
    yield "buried first", text + "。" + _LONG
    yield "buried last", _LONG + text
    yield "buried middle", _LONG + text + "。" + _LONG
    yield "emoji", "😭" + text + "🙏🙏"
    yield "no punctuation", "".join(char for char in text if char.isalnum() or char == " ")
    if not text.isascii():
        yield "spaced", " ".join(text)
        yield "dotted", ".".join(text)
        yield "starred", "*".join(text)
        yield "emoji inside", "😭".join(text)
        yield "homophones", text.translate(_HOMOPHONES)
        yield "ideographic spaces", "\u3000".join(text)


def shortened(text: str) -> Iterator[tuple[str, str]]:
    """Each text with one character lost."""
    for at in range(len(text)):
        yield f"without {at}", text[:at] + text[at + 1 :]
