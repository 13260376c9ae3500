"""Section `classify`: what a verdict costs, in CPU time of one core, and what the same model costs in scikit-learn.

Notes are the project's own reports of at most 200 characters, the letter is 10,000 characters of everyday ones. The
floor is scikit-learn's vectorizer and a matrix product on the model's own n-grams and weights; it is left out where
scikit-learn is not installed. Nothing here needs a mesh.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from callmesh.classification import model_file
from callmesh.classification.corpus import load
from callmesh.classification.engine import load_rules
from callmesh.classification.model import DEFAULT, Model
from callmesh.classification.text import model_text, normalise
from callmesh.cli.bench.measure import Figures, median, times
from callmesh.cli.bench.plan import Plan
from callmesh.directory.load import load_city
from callmesh.domain.words import Channel

_NOTE, _LETTER = 200, 10_000


def measure(plan: Plan) -> Figures:
    """Load, notes, letter, and the model beside scikit-learn."""
    begun = time.process_time()
    rules = load_rules()
    loaded = time.process_time() - begun
    engine = rules.classifier(load_city(plan.city).categories)
    count = 100 if plan.quick else 2_000
    texts = [one.text for one in load() if len(one.text) <= _NOTE][:count]
    letter = "，".join(one.text for one in load() if one.verdict == "route")[:_LETTER]
    notes = _cpu(lambda text: engine.assess(text, Channel.WEB), texts)
    letters = _cpu(lambda text: engine.assess(text, Channel.WEB), [letter] * (3 if plan.quick else 50))
    folded = [model_text(normalise(text)) for text in texts]
    return {
        "rules_load_seconds": loaded,
        "model_load_ms": median([_once(Model.load) * 1e3 for _ in range(3)]),
        "model_bytes": DEFAULT.stat().st_size,
        "note": times(notes),
        "letter": times(letters),
        "notes_per_second": len(notes) / sum(notes),
        "model_per_second": len(folded) / sum(_cpu(rules.model.read, folded)),
        "scikit_per_second": _scikit(rules.model, folded),
    }


def _cpu(work: Callable[[str], Any], texts: Sequence[str]) -> list[float]:
    """CPU seconds of each; the first few only warm up."""
    for text in texts[:20]:
        work(text)
    return [_once(lambda text=text: work(text)) for text in texts]  # type: ignore[misc]


def _once(work: Callable[[], Any]) -> float:
    begun = time.thread_time()
    work()
    return time.thread_time() - begun


def _scikit(model: Model, texts: Sequence[str]) -> float:
    """Texts a second of scikit-learn with the same n-grams and a weight for each leaf; 0 where it is not installed."""
    try:
        import numpy as np
        from sklearn.feature_extraction.text import TfidfVectorizer
    except ImportError:
        return 0.0
    longest, grams = int(model.info["longest"]), model_file.read(DEFAULT).grams
    pipeline = TfidfVectorizer(analyzer="char", ngram_range=(1, longest), lowercase=False, sublinear_tf=True)
    pipeline.set_params(vocabulary=grams)
    pipeline.fit(texts)
    weights = np.ones((len(grams), len(model.leaves)), np.float32)
    return len(texts) / sum(_cpu(lambda text: (pipeline.transform([text]) @ weights).argmax(), texts))
