"""Label leaks: words by which the text tells where it was sent, not what it is about.

Work orders are written after the decision: 请市城管局核实处理, 转水务集团, 类别: 噪声. A model that learns them is
right on old orders and lost at the telephone. Taken out are: clauses that ask or tell a named body to handle the
matter, fields and brackets that hold a label, a label standing alone as a clause, and names of labels that are bodies.
A label that is an ordinary word (停水) may be content: it stays, and the report says how much it gives away.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

_CLAUSE = re.compile(r"[^，。；！？,;!?\n]*[，。；！？,;!?\n]*")
_HANDLE = (
    "核实|处理|核查|调查|办理|处置|解决|回复|协调|跟进|落实|答复|反馈|查处|整改|受理|承办|负责|介入|派单|转办|交办|转派"
)
_BODY = (
    "[一-鿿]{1,8}(?:局|委员会|街道办|街道|支队|大队|总队|派出所|管理所|管理站|集团|有关部门|相关部门|主管部门)|[一-鿿]{2,6}中心"
    "|城管|交警|水务|燃气公司|供电公司|自来水公司|民政|住建|环保部门|公安|市政|辖区"
)
_ASKS = re.compile(rf"(?:请|烦请|望|希望|建议|要求|恳请|转|由|交|派|移交|责成|呈).{{0,40}}?(?:{_HANDLE})")
_SENT = re.compile(r"(?:转|派|移交|交由|转交|转派|转办|派发|流转)(?:至|给|往|到|由)?")
_FIELD = (
    "(?:类别|类型|分类|标签|诉求类型|事件类型|承办单位|主办单位|责任单位|处置单位|办理单位|处理部门|责任部门|转办单位|派单"
    "|category|label|agency)"
)
_ORGANISATION = re.compile(
    "(?:局|委|办|中心|部门|公司|集团|街道|支队|大队|派出所|所|站|院|署|政府|社区|委员会|协会|城管|交警|总队)$"
)


@dataclass(slots=True)
class Leaks:
    """What was found: counts by kind with the lines, and clauses as patterns, never as texts."""

    lines: dict[str, list[int]] = field(default_factory=dict)

    def note(self, kind: str, line: int) -> None:
        """One more of a kind."""
        self.lines.setdefault(kind, []).append(line)


class LeakRemover:
    """Takes leaks out of texts; made from the labels of the table. `everything` takes out label words of any kind."""

    def __init__(self, labels: Iterable[str], everything: bool = False) -> None:
        names = sorted({name.strip() for name in labels if len(name.strip()) > 1}, key=lambda name: (-len(name), name))
        any_name = "|".join(map(re.escape, names)) or "(?!)"
        bodies = names if everything else [name for name in names if _ORGANISATION.search(name)]
        self._named = re.compile(any_name)
        self._body = re.compile(rf"{any_name}|(?:{_BODY})")
        self._field = re.compile(
            rf"{_FIELD}\s*[:：是为]\s*[市区县]?(?:{any_name})|[【\[（(<《][市区县]?(?:{any_name})[】\]）)>》]"
        )
        self._organisation = re.compile("|".join(rf"[市区县]?{re.escape(name)}" for name in bodies) or "(?!)")

    def clean(self, text: str, line: int, found: Leaks) -> str:
        """The text without leaks; a text that is nothing but leaks comes back empty."""
        text, fields = self._field.subn("", text)
        if fields:
            found.note("field or bracket that holds a label", line)
        kept = "".join(clause for clause in _CLAUSE.findall(text) if not self._leaks(clause, line, found))
        kept, names = self._organisation.subn("", kept)
        if names:
            found.note("name of the body that is the label", line)
        return kept.strip()

    def _leaks(self, clause: str, line: int, found: Leaks) -> bool:
        bare = clause.strip(" ，。；！？,;!?\n\t")
        if not bare:
            return False
        if self._named.fullmatch(bare):
            found.note("label standing alone as a clause", line)
            return True
        if _ASKS.search(bare) and self._body.search(bare):
            found.note("clause that asks a named body to handle it (请…核实处理)", line)
            return True
        if (sent := _SENT.search(bare)) and self._named.search(bare, sent.start()):
            found.note("clause that says where it was sent (转…)", line)
            return True
        return False
