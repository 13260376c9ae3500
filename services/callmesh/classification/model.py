"""The learned part of the classifier: which matter is this text about, and does it sound like an emergency?

A linear router over character n-grams, read with a dictionary and numpy alone. How a text travels:

    n-grams -> rows of the vocabulary -> (1 + log tf) * idf, length 1 -> times the weights -> temperature -> chances
                                     \\-> the emergency scorer, over every window of a long text, the worst one counts

The weights are bytes with one scale a row; the trainer (training/) rounds first and calibrates afterwards, so what is
measured is what runs. The model reads no place: an address that names 交警 is no evidence for the traffic police. It only
gives numbers; thresholds and verdicts are the runtime's. A text without a known n-gram gets the bias: nobody's word.
When a file cannot be trusted, `Model.load` raises ModelRefused and the caller keeps the model it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import repeat
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from callmesh.classification import model_file
from callmesh.classification.model_file import Contents, ModelRefused

__all__ = ["DEFAULT", "Model", "ModelRefused", "Reading"]

DEFAULT = Path(__file__).parent / "data" / "default.model"
WINDOW = 40
"""Characters of a long text that the emergency scorer looks at together: a sentence or two."""
MOST_LEAVES, MOST_GRAMS = 10, 5

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Reading:
    """What the model makes of a text. Offsets of `grams` are those of the text given to `Model.read`.

    `probabilities`: leaves best first, at most ten; `conformal`: the leaves that cannot be excluded at the model's
    level, best first, never empty; `emergency`: probability 0..1, always 0 when the model has no emergency scorer;
    `grams`: (start, end, weight) of the n-grams of two characters or more that speak most for the best leaf.
    """

    probabilities: tuple[tuple[str, float], ...]
    conformal: tuple[str, ...]
    emergency: float
    grams: tuple[tuple[int, int, float], ...]


class Model:
    """A model in memory; immutable. `info` is the header of its file."""

    def __init__(self, contents: Contents) -> None:
        header, arrays = contents.header, contents.arrays
        self.info: dict[str, Any] = header
        self.digest = contents.digest
        self.signer = contents.signer.hex()
        self.version = f"model-{contents.digest[:8]}"
        self.leaves: tuple[str, ...] = tuple(header["leaves"])
        self._grams = contents.grams
        self._row = {gram: row for row, gram in enumerate(contents.grams)}
        self._longest = int(header["longest"])
        self._idf: Floats = arrays["idf"]
        self._weights: Floats = arrays["weights"].astype(np.float32) * arrays["scale"][:, None]
        self._bias: Floats = arrays["bias"]
        self._temperature = float(header["temperature"])
        self._limits: Floats = arrays["conformal"]
        self._alarm = _Alarm(arrays, header.get("emergency"), self._longest)

    @staticmethod
    def load(path: Path | None = None, *, any_signer: bool = False, keys: Path | None = None) -> Model:
        """The model of a file, the shipped one by default. Raises ModelRefused with file and reason."""
        place = path or DEFAULT
        contents = model_file.read(place, any_signer=any_signer, keys=keys)
        try:
            return Model(contents)
        except (KeyError, ValueError, TypeError, IndexError) as wrong:
            raise ModelRefused(place, f"lacks a part ({type(wrong).__name__})", "模型文件缺少内容") from None

    @property
    def scores_emergencies(self) -> bool:
        """False for a model trained without emergency texts: its `Reading.emergency` says nothing."""
        return self._alarm.present

    def read(self, text: str) -> Reading:
        """Read a normalised text (`text.model_text`). Pure; takes time linear in its length."""
        found = self._found(text)
        rows, values = self._features(found)
        scores = values @ self._weights[rows] + self._bias
        chances = softmax(scores / self._temperature)
        order = np.argsort(-chances, kind="stable")[:MOST_LEAVES].tolist()
        named = tuple((self.leaves[at], float(chances[at])) for at in order)
        why = self._why(text, rows, values, order)
        return Reading(named, self._kept(chances), self._alarm.score(found, len(text)), why)

    def scores(self, text: str) -> Floats:
        """The raw scores, one a leaf: what scikit-learn calls the decision function."""
        rows, values = self._features(self._found(text))
        scores: Floats = values @ self._weights[rows] + self._bias
        return scores

    def _found(self, text: str) -> NDArray[np.int32]:
        """The vocabulary row at every position, lengths one after the other; -1 where there is none."""
        grams: list[str] = list(text)
        every = list(grams)
        for length in range(2, self._longest + 1):
            grams = list(map(add, grams, text[length - 1 :]))
            every += grams
        return np.fromiter(map(self._row.get, every, repeat(-1)), np.int32, len(every))

    def _features(self, found: NDArray[np.int32]) -> tuple[NDArray[np.int64], Floats]:
        """Rows that occur, and their weights: sublinear tf, idf, length 1."""
        rows, counts = np.unique(found[found >= 0], return_counts=True)
        values: Floats = ((1.0 + np.log(counts)) * self._idf[rows]).astype(np.float32)
        length = float(np.sqrt(values @ values))
        return rows, values / np.float32(length) if length else values

    def _kept(self, chances: Floats) -> tuple[str, ...]:
        """The conformal set: whatever reaches the limit of its leaf, and always the best."""
        inside = np.flatnonzero((chances >= self._limits) | (chances == chances.max()))
        return tuple(self.leaves[at] for at in sorted(inside.tolist(), key=lambda at: (-chances[at], at)))

    def _why(
        self, text: str, rows: NDArray[np.int64], values: Floats, order: list[int]
    ) -> tuple[tuple[int, int, float], ...]:
        """What speaks for the best leaf rather than for the next ones."""
        if not rows.size or not order:
            return ()
        beside = self._weights[np.ix_(rows, order[1:4])].mean(axis=1) if len(order) > 1 else 0.0
        speaks = values * (self._weights[rows, order[0]] - beside)
        spoken: list[tuple[int, int, float]] = []
        for at in np.argsort(-speaks, kind="stable")[: 4 * MOST_GRAMS].tolist():
            gram = self._grams[rows[at]]
            if speaks[at] <= 0 or len(spoken) == MOST_GRAMS:
                break
            start = text.find(gram)
            if len(gram) > 1 and not any(begin <= start < end for begin, end, _ in spoken):
                spoken.append((start, start + len(gram), float(speaks[at])))
        return tuple(spoken)


class _Alarm:
    """The emergency scorer: a linear score of a stretch of text, over the worst stretch of it."""

    def __init__(self, arrays: model_file.Arrays, header: dict[str, Any] | None, longest: int) -> None:
        self.present = bool(header)
        self._longest = longest
        if header:
            self._speaks = np.append(arrays["alarm_idf"] * arrays["alarm_weight"], np.float32(0))
            self._square = np.append(arrays["alarm_idf"] ** 2, np.float32(0))
            self._slope, self._offset = float(header["slope"]), float(header["offset"])
            self._bias = float(header["bias"])

    def score(self, found: NDArray[np.int32], size: int) -> float:
        """Probability that some stretch of WINDOW characters reports an emergency."""
        if not self.present or not size:
            return 0.0
        worst = float(self.margins(found, size).max())
        return float(1.0 / (1.0 + np.exp(-np.clip(self._slope * worst + self._offset, -30, 30))))

    def margins(self, found: NDArray[np.int32], size: int) -> NDArray[np.float64]:
        """One score for each window; a short text is one window."""
        places = max(1, size - WINDOW + 1)
        speaks, square = np.zeros(places), np.zeros(places)
        start = 0
        for length in range(1, min(self._longest, size) + 1):
            rows = found[start : start + size - length + 1]
            start += rows.size
            width = min(WINDOW, size) - length + 1
            speaks += _sums(self._speaks[rows], width)
            square += _sums(self._square[rows], width)
        scores: NDArray[np.float64] = speaks / np.sqrt(np.maximum(square, 1e-9)) + self._bias
        return scores


def softmax(scores: Floats) -> Floats:
    """Probabilities that sum to one, also of large scores."""
    raised = np.exp(scores - scores.max())
    chances: Floats = raised / raised.sum()
    return chances


def _sums(values: Floats, width: int) -> NDArray[np.float64]:
    """The sum of every `width` neighbours."""
    running = np.concatenate(([0.0], np.cumsum(values, dtype=np.float64)))
    sums: NDArray[np.float64] = running[width:] - running[:-width]
    return sums
