"""Puts lexicon, learned model and thresholds together into a classifier, or says why it cannot be used.

Nothing is half loaded: a bad row, a model whose hash or suite report is wrong, a threshold out of range is `Refused`
with file, line and reason, and who asked keeps the classifier in force.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from callmesh.classification.lexicon import Lexicon, LexiconError
from callmesh.classification.model import Model, ModelRefused
from callmesh.classification.thresholds import ThresholdError, Thresholds
from callmesh.classification.verdict import Classifier
from callmesh.domain.directory import Category


class Refused(ValueError):
    """Lexicon, model or thresholds cannot be used. The message names file, line and reason."""


def open_engine(categories: Iterable[Category], lexicon: Path | None = None, model: Path | None = None) -> Classifier:
    """A classifier of these files, the packaged ones by default. Raises Refused."""
    try:
        return Classifier(Lexicon.load(lexicon), categories, Model.load(model), Thresholds.load())
    except (LexiconError, ThresholdError, ModelRefused) as wrong:
        raise Refused(str(wrong)) from wrong
