"""The learned part of the classifier: which matter is this text about, and does it sound like an emergency?

A linear router over character n-grams, read with a dictionary and numpy alone. How a text travels:

    n-grams -> rows of the vocabulary -> (1 + log tf) * idf, length 1 -> times the weights -> calibrated -> chances
                                     \\-> the emergency scorer, over every stretch of the text, the worst one counts

The weights are bytes with one scale a row; the trainer (training/) calibrates on folds that did not see the text. The
model only gives numbers; thresholds and verdicts are the runtime's. A text without a known n-gram gets the bias alone:
nobody's word. When a file cannot be trusted, `Model.load` raises ModelRefused and the caller keeps the model it has.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from callmesh.classification import model_file
from callmesh.classification.chances import of_one, probabilities
from callmesh.classification.model_file import Contents, ModelRefused
from callmesh.classification.vocabulary import Rows, Vocabulary

__all__ = ["DEFAULT", "Model", "ModelRefused", "Reading"]

DEFAULT = Path(__file__).parent / "data" / "default.model"
WINDOWS = (20, 40)
"""Characters that the emergency scorer looks at together: a half sentence in a letter, and a sentence or two."""
MOST_LEAVES, MOST_GRAMS = 10, 5
_APART = "\0"
"""Stands between texts that are read as one; no n-gram holds it."""

Floats = NDArray[np.float32]
Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Reading:
    """What the model makes of a text. Offsets of `grams` are those of the text given to `Model.read`.

    `probabilities`: leaves best first, at most ten; `conformal`: the leaves that cannot be excluded at the model's
    level, best first, never empty; `emergency`: probability 0..1, always 0 when the model has no emergency scorer;
    `grams`: (start, end, weight) of the n-grams of two characters or more that speak most for the best leaf;
    `stretch`: leaves of the stretch that sounds most like an emergency, read alone; () for a text as short as one.
    """

    probabilities: tuple[tuple[str, float], ...]
    conformal: tuple[str, ...]
    emergency: float
    grams: tuple[tuple[int, int, float], ...]
    stretch: tuple[tuple[str, float], ...] = ()


class Model:
    """A model in memory; immutable. `info` is the header of its file."""

    def __init__(self, contents: Contents) -> None:
        header, arrays = contents.header, contents.arrays
        self.info: dict[str, Any] = header
        self.digest = contents.digest
        self.signer = contents.signer.hex()
        self.version = f"model-{contents.digest[:8]}"
        self.leaves: tuple[str, ...] = tuple(header["leaves"])
        self._vocabulary = Vocabulary(contents.grams, int(header["longest"]))
        self._long: Floats = np.array([len(gram) > 1 for gram in contents.grams], dtype=np.float32)
        self._idf: Floats = arrays["idf"]
        self._weights: Floats = arrays["weights"].astype(np.float32) * arrays["scale"][:, None]
        self._bias: Floats = arrays["bias"]
        self.temperature = float(header["temperature"])
        self._confidence: list[float] | None = header.get("confidence")
        self.limits: Floats = arrays["conformal"]
        self._alarm = _Alarm(arrays, header.get("emergency"))

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
        found = self._vocabulary.find(text)
        rows, values = self._features(found.ravel())
        weights = self._weights[rows]
        chances, order = of_one(values @ weights + self._bias, self.temperature, self._confidence)
        why = self._why(text, rows, values, weights, order)
        emergency, start = self._alarm.score(found)
        apart = self._alone(found[:, start : start + WINDOWS[-1]]) if len(text) > WINDOWS[-1] else ()
        return Reading(self._named(chances, order), self._kept(chances, order), emergency, why, apart)

    def alarms(self, texts: Sequence[str]) -> list[float]:
        """`Reading.emergency` of each text, read alone; none is empty."""
        sizes = np.array([len(text) + len(_APART) for text in texts])
        return self._alarm.each(self._vocabulary.find(_APART.join(texts)), sizes)

    def _named(self, chances: Floats, order: Places) -> tuple[tuple[str, float], ...]:
        first = order[:MOST_LEAVES]
        return tuple(
            [(self.leaves[at], chance) for at, chance in zip(first.tolist(), chances[first].tolist(), strict=True)]
        )

    def _alone(self, found: Rows) -> tuple[tuple[str, float], ...]:
        """The leaves of a stretch, as if nothing else had been said: a letter's other matters would drown it."""
        width = found.shape[1]
        rows, values = self._features(np.concatenate([line[: width - at] for at, line in enumerate(found)]))
        return self._named(*of_one(values @ self._weights[rows] + self._bias, self.temperature, self._confidence))

    def chances(self, scores: Floats) -> Floats:
        """Calibrated probabilities of rows of scores."""
        return probabilities(scores, self.temperature, self._confidence)

    def scores(self, text: str) -> Floats:
        """The raw scores, one a leaf: what scikit-learn calls the decision function."""
        rows, values = self._features(self._vocabulary.find(text).ravel())
        scores: Floats = values @ self._weights[rows] + self._bias
        return scores

    def _features(self, found: Rows) -> tuple[Rows, Floats]:
        """Rows that occur, and their weights: sublinear tf, idf, length 1."""
        known = found[found >= 0]
        known.sort()
        fresh = np.ones(known.size + 1, bool)
        np.not_equal(known[1:], known[:-1], out=fresh[1:-1])
        first = fresh.nonzero()[0]  # and where the last one ends
        rows = known[first[:-1]]
        values = self._idf[rows]
        if rows.size < known.size:
            values = values * (1.0 + np.log(first[1:] - first[:-1])).astype(np.float32)
        length = np.sqrt(values @ values)
        return rows, values / length if length else values

    def _kept(self, chances: Floats, order: Places) -> tuple[str, ...]:
        """The conformal set: whatever reaches the limit of its leaf, and always the best."""
        inside = (chances >= self.limits)[order]
        inside[0] = True
        return tuple([self.leaves[at] for at in order[inside].tolist()])

    def _why(
        self, text: str, rows: Rows, values: Floats, weights: Floats, order: Places
    ) -> tuple[tuple[int, int, float], ...]:
        """What speaks for the best leaf rather than for the next one; long n-grams only, none inside another."""
        beside = order[min(1, order.size - 1)]
        against = weights[:, beside] if order.size > 1 else np.float32(0)
        speaks = values * (weights[:, order[0]] - against) * self._long[rows]
        loudest = (-speaks).argsort(kind="stable")[: 4 * MOST_GRAMS]
        spoken: list[tuple[int, int, float]] = []
        for row, weight in zip(rows[loudest].tolist(), speaks[loudest].tolist(), strict=True):
            if weight <= 0 or len(spoken) == MOST_GRAMS:
                break
            gram = self._vocabulary.grams[row]
            start = text.find(gram)
            end = start + len(gram)
            if all(stop <= start or end <= begin for begin, stop, _ in spoken):
                spoken.append((start, end, weight))
        return tuple(spoken)


class _Alarm:
    """The emergency scorer: a linear score of a stretch of text, over the worst stretch of it."""

    def __init__(self, arrays: model_file.Arrays, header: dict[str, Any] | None) -> None:
        self.present = bool(header)
        if header:
            idf = np.append(arrays["alarm_idf"], np.float32(0))
            both = np.stack([idf * np.append(arrays["alarm_weight"], np.float32(0)), idf * idf], axis=1)
            self._both: NDArray[np.float64] = both.astype(np.float64)
            self._slope, self._offset = float(header["slope"]), float(header["offset"])
            self._bias = float(header["bias"])

    def score(self, found: Rows) -> tuple[float, int]:
        """Probability that some stretch of the text reports an emergency, and where the worst one begins."""
        size = found.shape[1]
        if not self.present or not size:
            return 0.0, 0
        margin, start = (self.margin(found), 0) if size <= WINDOWS[0] else self.worst(found)
        return self._chance(margin), start

    def each(self, found: Rows, sizes: Places) -> list[float]:
        """The same of texts that stand one after the other, `sizes` apart, with a place between them."""
        if not self.present:
            return [0.0] * len(sizes)
        begun, ended = self._sums(found)
        stops, places = sizes.cumsum(), np.arange(found.shape[1])
        begins, end = stops - sizes, (stops - 1).repeat(sizes)[:-1]
        highest = np.full(sizes.size, -math.inf)
        for width in WINDOWS:
            sums = ended[np.minimum(places + width, end)] - begun[:-1]
            margins = sums[:, 0] / np.sqrt(np.maximum(sums[:, 1], 1e-9)) + self._bias
            short = places + width > end
            short[begins] = False
            margins[short] = -math.inf
            highest = np.maximum(highest, np.maximum.reduceat(margins, begins))
        return [self._chance(margin) for margin in highest.tolist()]

    def _chance(self, margin: float) -> float:
        return 1.0 / (1.0 + math.exp(-min(30.0, max(-30.0, self._slope * margin + self._offset))))

    def margin(self, found: Rows) -> float:
        """The margin of the text as one stretch."""
        speaks, square = self._both[found.ravel()].sum(axis=0).tolist()
        return float(speaks / math.sqrt(max(square, 1e-9)) + self._bias)

    def worst(self, found: Rows) -> tuple[float, int]:
        """The highest margin of any stretch as wide as a window; a text shorter than a window is one stretch.

        And where the stretch of the wide window begins that holds it. What a stretch holds is what ends before its end
        without what begins before its start.
        """
        size = found.shape[1]
        begun, ended = self._sums(found)
        best, where = -math.inf, 0
        for width in WINDOWS:
            wide = min(size, width)
            sums = ended[wide:] - begun[: size + 1 - wide]
            margins = sums[:, 0] / np.sqrt(np.maximum(sums[:, 1], 1e-9)) + self._bias
            at = int(margins.argmax())
            if margins[at] > best:
                best, where = float(margins[at]), max(0, at - (WINDOWS[-1] - width) // 2)
        return best, where

    def _sums(self, found: Rows) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """For each place the sums over all n-grams that begin, and that end, before it."""
        longest, size = found.shape
        worth = self._both[found]
        begun, ended = np.zeros((2, size + 1, 2))
        worth.sum(axis=0).cumsum(axis=0, out=begun[1:])
        for at in range(min(longest, size)):
            ended[at + 1 :] += worth[at, : size - at]
        return begun, ended.cumsum(axis=0)
