"""Features: character n-grams, learned words, or both.

Chinese is written without spaces. A word is taken to be an n-gram of two to four characters whose parts meet far more
often than by chance and which meets many different neighbours on both sides; no dictionary and no segmenter is needed,
neither here nor when the model runs, and an agency's own words (移车, 挪车码) are found like any other. `word` features
are such words and single characters; `union` is all n-grams up to three characters, the words among them counting more,
and the words of four. All three are a set of n-grams with a number each, so the model need not know which it is.

Only n-grams of at least two different texts are kept: what one caller said alone is neither evidence nor ours to keep.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer

LONGEST = 4
KINDS = ("char", "word", "union")
_COHESION, _FREEDOM, _SEEN = 2.5, 0.8, 4
_BOOST = math.sqrt(2.0)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Features:
    """A chosen set of n-grams: their columns, names and idf (with the words' boost)."""

    columns: NDArray[np.intp]
    grams: tuple[str, ...]
    idf: Floats

    def narrowed(self, kept: NDArray[np.intp]) -> Features:
        """The same with fewer n-grams, given by place in this set."""
        return Features(self.columns[kept], tuple(self.grams[at] for at in kept.tolist()), self.idf[kept])


class Corpus:
    """Texts and the counts of their n-grams, made once for all recipes."""

    def __init__(self, texts: Sequence[str], least: int = 2) -> None:
        counter = CountVectorizer(analyzer="char", ngram_range=(1, LONGEST), lowercase=False, min_df=least)
        self.counts: csr_matrix = csr_matrix(counter.fit_transform(texts), dtype=np.float64)
        self.grams: list[str] = counter.get_feature_names_out().tolist()
        self._sizes = np.array([len(gram) for gram in self.grams])
        seen = np.bincount(self.counts.indices, minlength=len(self.grams))
        self._idf: Floats = np.log((1 + len(texts)) / (1 + seen)) + 1.0

    def features(self, kind: str, longest: int) -> Features:
        """The n-grams of a kind; `longest` is for characters."""
        words = self._words if kind != "char" else np.zeros(len(self.grams), bool)
        chars = self._sizes <= (longest if kind != "word" else 1)
        columns = np.flatnonzero(chars | words)
        boost = np.where(words & chars & (self._sizes > 1), _BOOST, 1.0)
        return Features(columns, tuple(self.grams[at] for at in columns.tolist()), (self._idf * boost)[columns])

    def values(self, features: Features) -> csr_matrix:
        """Sublinear tf, times idf, each text of length 1."""
        return weighted(self.counts[:, features.columns], features.idf)

    @cached_property
    def _words(self) -> NDArray[np.bool_]:
        """Which n-grams are words."""
        totals = dict(zip(self.grams, np.asarray(self.counts.sum(axis=0)).ravel().tolist(), strict=True))
        everything = sum(count for gram, count in totals.items() if len(gram) == 1)
        left, right = _neighbours(totals)
        return np.array([_is_word(gram, totals, everything, left, right) for gram in self.grams])


def weighted(counts: csr_matrix, idf: Floats) -> csr_matrix:
    """What the model does with counts; the same as scikit-learn's TfidfTransformer(sublinear_tf=True)."""
    values = csr_matrix(counts, copy=True)
    values.data = (np.log(values.data) + 1.0) * idf[values.indices]
    length = np.sqrt(np.asarray(values.multiply(values).sum(axis=1)).ravel())
    length[length == 0] = 1.0
    values.data /= np.repeat(length, np.diff(values.indptr))
    return values


def _is_word(gram: str, totals: dict[str, float], everything: float, left: Any, right: Any) -> bool:
    if len(gram) < 2 or totals[gram] < _SEEN or gram.isascii():
        return False
    parts = min(everything * totals[gram] / (totals[gram[:at]] * totals[gram[at:]]) for at in range(1, len(gram)))
    if math.log(parts) < _COHESION:
        return False
    return len(gram) == LONGEST or min(_entropy(left.get(gram, ())), _entropy(right.get(gram, ()))) >= _FREEDOM


def _neighbours(totals: dict[str, float]) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """How often each n-gram is followed, and preceded, by each character that follows or precedes it."""
    left: dict[str, list[float]] = {}
    right: dict[str, list[float]] = {}
    for gram, count in totals.items():
        if len(gram) > 2:
            left.setdefault(gram[1:], []).append(count)
            right.setdefault(gram[:-1], []).append(count)
    return left, right


def _entropy(counts: Sequence[float]) -> float:
    total = sum(counts)
    return -sum(count / total * math.log(count / total) for count in counts) if total else 0.0
