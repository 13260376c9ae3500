"""What stands around a danger word and changes it: 没有, 上周, 万一, 演练, 开玩笑.

A modifier never proves that all is well. It lowers EMERGENCY to ASK; only an accident that is merely
imagined or asked about (万一着火, 煤气中毒怎么报销) is discounted, and only beside a clear everyday matter.
"""

from __future__ import annotations

from bisect import bisect_right
from enum import Enum

from callmesh.classification.matching import Hit
from callmesh.classification.text import Text

_NEGATION_REACH = 1
_SHORT_NEGATIONS = frozenset("没不未无别")
_IMAGINED_REACH = 14
_PAST_REACH = 24
_DRILL_REACH = 60


class Standing(Enum):
    """What remains of a danger word after its neighbours were read."""

    LIVE = "live"
    LOWERED = "lowered"
    DISCOUNTED = "discounted"


class Context:
    """The modifiers of one report."""

    def __init__(self, text: Text, hits: list[Hit]) -> None:
        self._end = len(text.tight)
        self._found: dict[str, list[Hit]] = {}
        for hit in hits:
            if hit.row.kind == "modifier" and hit.sure:
                self._found.setdefault(hit.row.target, []).append(hit)
        self._clauses = text.clauses() if self._found else []
        self.used: set[Hit] = set()

    def standing(self, hit: Hit) -> Standing:
        """How a trigger stands. A threat or an attack (`hard`) is not softened by if or how."""
        if not self._found:
            return Standing.LIVE
        for name, standing in (
            ("joke", Standing.LOWERED),
            ("negation", Standing.LOWERED),
            ("drill", Standing.LOWERED),
            ("fear", Standing.LOWERED),
            ("past", Standing.LOWERED),
            ("hypothetical", Standing.DISCOUNTED),
            ("question", Standing.DISCOUNTED),
        ):
            found = self._applies(name, hit)
            if found is not None:
                self.used.add(found)
                return standing
        return Standing.LIVE

    def _applies(self, name: str, hit: Hit) -> Hit | None:
        if name not in self._found or (name in ("fear", "hypothetical", "question") and "hard" in hit.row.flags):
            return None
        if name == "past" and "now" in hit.row.flags:
            return None
        test = {
            "joke": self._anywhere,
            "negation": self._negates,
            "drill": self._near,
            "fear": self._imagines,
            "past": self._is_over,
            "hypothetical": self._imagines,
            "question": self._asks,
        }[name]
        return next((one for one in self._found[name] if test(one, hit)), None)

    def _anywhere(self, _modifier: Hit, _hit: Hit) -> bool:
        return True

    def _near(self, modifier: Hit, hit: Hit) -> bool:
        return abs(modifier.start - hit.start) <= _DRILL_REACH

    def _negates(self, modifier: Hit, hit: Hit) -> bool:
        """Directly before the word, in the same clause. 救护车没来流血了 denies the ambulance, not the blood."""
        reach = 0 if modifier.word in _SHORT_NEGATIONS else _NEGATION_REACH
        return any(0 <= head - modifier.end <= reach and self._clause(head)[0] <= modifier.start for head in hit.heads)

    def _imagines(self, modifier: Hit, hit: Hit) -> bool:
        """In front of the word and in its clause, with nothing that says it is happening."""
        clause, _ = self._clause(hit.start)
        if not clause <= modifier.start < hit.end or hit.start - modifier.end > _IMAGINED_REACH:
            return self._follows(modifier, hit)
        return not self._present_within(clause, self._clause(hit.end - 1)[1])

    def _follows(self, modifier: Hit, hit: Hit) -> bool:
        """着火隐患, 触电风险: the noun right behind makes it a mere possibility."""
        return 0 <= modifier.start - hit.end <= 2 and modifier.word in ("隐患", "风险", "的隐患", "的风险")

    def _asks(self, modifier: Hit, hit: Hit) -> bool:
        """A question about rules or costs in the same clause, with no sign of now."""
        start, end = self._clause(hit.start)[0], self._clause(hit.end - 1)[1]
        return start <= modifier.start < end and not self._present_within(start, self._end)

    def _is_over(self, modifier: Hit, hit: Hit) -> bool:
        """Near the word, and nothing after it says that it goes on (上周中毒，现在又有味道)."""
        near = -_PAST_REACH <= modifier.start - hit.start <= 8
        return near and not self._present_within(modifier.end, self._end)

    def _clause(self, place: int) -> tuple[int, int]:
        """Where the clause around a place begins, and where it ends."""
        at = bisect_right(self._clauses, place, 0, len(self._clauses) - 1)
        return self._clauses[at - 1], self._clauses[at]

    def _present_within(self, start: int, end: int) -> bool:
        return any(start <= hit.start < end for hit in self._found.get("present", ()))
