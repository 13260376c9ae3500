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
_ONE = np.ones(1, bool)

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
        self._alarm = _Alarm(arrays, header.get("emergency"), int(header["longest"]))

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
        rows, values = self._features(found)
        weights = self._weights[rows]
        chances, order = of_one(values @ weights + self._bias, self.temperature, self._confidence)
        why = self._why(text, rows, values, weights, order)
        emergency, start = self._alarm.score(found, len(text))
        apart = self._alone(text, start) if len(text) > WINDOWS[-1] else ()
        return Reading(self._named(chances, order), self._kept(chances, order), emergency, why, apart)

    def _named(self, chances: Floats, order: Places) -> tuple[tuple[str, float], ...]:
        return tuple([(self.leaves[at], float(chances[at])) for at in order[:MOST_LEAVES].tolist()])

    def _alone(self, text: str, start: int) -> tuple[tuple[str, float], ...]:
        """The leaves of a stretch, as if nothing else had been said: a letter's other matters would drown it."""
        rows, values = self._features(self._vocabulary.find(text[start : start + WINDOWS[-1]]))
        return self._named(*of_one(values @ self._weights[rows] + self._bias, self.temperature, self._confidence))

    def chances(self, scores: Floats) -> Floats:
        """Calibrated probabilities of rows of scores."""
        return probabilities(scores, self.temperature, self._confidence)

    def scores(self, text: str) -> Floats:
        """The raw scores, one a leaf: what scikit-learn calls the decision function."""
        rows, values = self._features(self._vocabulary.find(text))
        scores: Floats = values @ self._weights[rows] + self._bias
        return scores

    def _features(self, found: Rows) -> tuple[Rows, Floats]:
        """Rows that occur, and their weights: sublinear tf, idf, length 1."""
        known = found[found >= 0]
        known.sort()
        first = np.flatnonzero(np.concatenate((_ONE, known[1:] != known[:-1]))) if known.size else known
        rows, values = known[first], self._idf[known[first]]
        if first.size < known.size:
            counts = np.append(first[1:], known.size) - first
            values = values * (1.0 + np.log(counts)).astype(np.float32)
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
        spoken: list[tuple[int, int, float]] = []
        for at in np.argsort(-speaks, kind="stable")[: 4 * MOST_GRAMS].tolist():
            if speaks[at] <= 0 or len(spoken) == MOST_GRAMS:
                break
            gram = self._vocabulary.grams[rows[at]]
            start = text.find(gram)
            if not any(begin < start + len(gram) and start < end for begin, end, _ in spoken):
                spoken.append((start, start + len(gram), float(speaks[at])))
        return tuple(spoken)


class _Alarm:
    """The emergency scorer: a linear score of a stretch of text, over the worst stretch of it."""

    def __init__(self, arrays: model_file.Arrays, header: dict[str, Any] | None, longest: int) -> None:
        self.present = bool(header)
        self._longest = longest
        if header:
            idf = np.append(arrays["alarm_idf"], np.float32(0))
            self._both = np.stack([idf * np.append(arrays["alarm_weight"], np.float32(0)), idf * idf], axis=1)
            self._slope, self._offset = float(header["slope"]), float(header["offset"])
            self._bias = float(header["bias"])

    def score(self, found: Rows, size: int) -> tuple[float, int]:
        """Probability that some stretch of the text reports an emergency, and where the worst one begins."""
        if not self.present or not size:
            return 0.0, 0
        margin, start = (self._margin(found), 0) if size <= WINDOWS[0] else self.worst(found, size)
        return 1.0 / (1.0 + math.exp(-min(30.0, max(-30.0, self._slope * margin + self._offset)))), start

    def _margin(self, found: Rows) -> float:
        speaks, square = self._both[found].sum(axis=0).tolist()
        return float(speaks / math.sqrt(max(square, 1e-9)) + self._bias)

    def worst(self, found: Rows, size: int) -> tuple[float, int]:
        """The highest margin of any stretch as wide as a window; a text shorter than a window is one stretch.

        And where the stretch of the wide window begins that holds it.
        """
        running = np.zeros((len(found) + 1, 2))
        np.cumsum(self._both[found], axis=0, out=running[1:])
        best, where = -math.inf, 0
        for width in WINDOWS:
            margins = self._margins(running, size, min(size, width))
            at = int(margins.argmax())
            if margins[at] > best:
                best, where = float(margins[at]), max(0, at - (WINDOWS[-1] - width) // 2)
        return best, where

    def _margins(self, running: NDArray[np.float64], size: int, width: int) -> NDArray[np.float64]:
        """The margin of every stretch of a width, from the running sums over all n-grams."""
        places = size - width + 1
        sums, start = np.zeros((places, 2)), 0
        for length in range(1, self._longest + 1):
            end = start + width - length + 1
            sums += running[end : end + places] - running[start : start + places]
            start += size - length + 1
        scores: NDArray[np.float64] = sums[:, 0] / np.sqrt(np.maximum(sums[:, 1], 1e-9)) + self._bias
        return scores
