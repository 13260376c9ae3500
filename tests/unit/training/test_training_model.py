"""The model's file and its inference: decides as scikit-learn does, same bytes, nothing unsigned is believed.

What trains is imported where it is used: it takes seconds to load, of every worker if it stood above.
"""

from __future__ import annotations

import hashlib
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from training_kit import plain

from callmesh.classification import corpus, model_file, signing
from callmesh.classification.model import DEFAULT, WINDOWS, Model, ModelRefused
from callmesh.classification.text import model_text, normalise

if TYPE_CHECKING:
    from callmesh.classification.training import build
    from callmesh.classification.training.alarm import Alarm


def _texts(count: int, seed: int = 1) -> tuple[list[str], list[str]]:
    rows = plain(count, seed)
    return [model_text(normalise(text)) for text, _ in rows], [label for _, label in rows]


def _fit() -> build.Fitted:
    from callmesh.classification.training import build
    from callmesh.classification.training.features import Corpus
    from callmesh.classification.training.fit import Recipe

    texts, labels = _texts(400)
    leaves, numbers = build.numbered(labels)
    return build.fit(Corpus(texts), leaves, numbers, Recipe("char", 3, 0.5, True, 0.0))


def _assembled(fitted: build.Fitted, alarm: Alarm | None = None, more: dict[str, Any] | None = None) -> build.Built:
    from callmesh.classification.training import build

    return build.assembled(fitted, alarm, more)


@pytest.fixture(scope="module")
def fitted() -> build.Fitted:
    return _fit()


@pytest.fixture(scope="module")
def alarm() -> Alarm:
    from callmesh.classification.training.alarm import fit_alarm

    texts, _ = _texts(120)
    return fit_alarm([*texts, *(f"{text[:9]}着火了快来人" for text in texts)], np.arange(240) >= 120)


@pytest.fixture
def file(tmp_path: Path, fitted: build.Fitted) -> Path:
    path = tmp_path / "made.model"
    path.write_bytes(model_file.signed(_assembled(fitted).body, signing.own_key()))
    return path


def test_decides_as_scikit_learn_does(fitted: build.Fitted) -> None:
    texts, labels = _texts(400)
    router = fitted.router
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import LinearSVC

    vector = TfidfVectorizer(
        analyzer="char", ngram_range=(1, 3), lowercase=False, sublinear_tf=True, vocabulary=list(router.grams)
    )
    pipeline = make_pipeline(vector, LinearSVC()).fit(texts, labels)
    pipeline[-1].coef_, pipeline[-1].intercept_ = router.weights.T.astype(float), router.bias.astype(float)
    model = _assembled(fitted).model
    random_ = random.Random(5)
    strange = ["".join(random_.choices("".join(texts), k=random_.randint(0, 900))) for _ in range(300)]
    for text in [*strange, *_texts(100, 9)[0], "", "龘", "水" * 700]:
        theirs = pipeline.decision_function([text])[0]
        assert np.allclose(model.scores(text), theirs, atol=2e-4)
        assert model.read(text).probabilities[0][0] == router.leaves[int(theirs.argmax())] or _near_tie(theirs)


def _near_tie(scores: np.ndarray) -> bool:
    first, second = np.sort(scores)[-1:-3:-1]
    return bool(first - second < 4e-4)


def test_reads_a_long_letter_as_a_dictionary_would(fitted: build.Fitted) -> None:
    vocabulary = _assembled(fitted).model._vocabulary
    letter = "".join(_texts(60, 3)[0])[:5000] + "😀\ud800" + "".join(_texts(60, 4)[0])[:3000]
    assert (vocabulary._at_once(letter) == vocabulary._one_by_one(letter)).all()


def test_reading_is_sorted_calibrated_and_explained(fitted: build.Fitted) -> None:
    model = _assembled(fitted).model
    text = model_text(normalise("和平小区12号自来水管漏水，这几天，影响生活"))
    reading = model.read(text)
    chances = [chance for _, chance in reading.probabilities]
    assert reading.probabilities[0][0] == "市水务集团"
    assert chances == sorted(chances, reverse=True) and sum(chances) == pytest.approx(1.0, abs=1e-4)
    assert reading.conformal[0] == "市水务集团"
    assert reading.emergency == 0.0 and not model.scores_emergencies
    assert any("水" in text[start:end] for start, end, _ in reading.grams)
    assert all(end - start >= 2 and weight > 0 for start, end, weight in reading.grams)


def test_one_text_is_calibrated_as_many_are(fitted: build.Fitted) -> None:
    model = _assembled(fitted).model
    texts = [*_texts(50, 8)[0], "", "水", "完全没有见过的字"]
    many = model.chances(np.array([model.scores(text) for text in texts]))
    for text, chances in zip(texts, many, strict=True):
        for leaf, chance in model.read(text).probabilities:
            assert chance == pytest.approx(chances[model.leaves.index(leaf)], abs=1e-4)


def test_emergency_is_heard_anywhere_in_a_letter(fitted: build.Fitted, alarm: Alarm) -> None:
    model = _assembled(fitted, alarm).model
    calm = "".join(_texts(40, 11)[0])[:1500]
    buried = calm[:700] + "隔壁着火了快来人" + calm[700:]
    assert model.read(calm).emergency < 0.5 < model.read(buried).emergency
    assert len(buried) > 10 * WINDOWS[-1]


def test_windows_are_scored_alike_in_short_and_long_texts(fitted: build.Fitted, alarm: Alarm) -> None:
    model = _assembled(fitted, alarm).model
    text = _texts(3, 5)[0][0][: WINDOWS[0]]
    found = model._vocabulary.find(text)
    assert model._alarm.worst(found)[0] == pytest.approx(model._alarm.margin(found), abs=1e-5)


def test_texts_scored_together_sound_as_they_do_alone(fitted: build.Fitted, alarm: Alarm) -> None:
    model = _assembled(fitted, alarm).model
    texts = [*_texts(8, 13)[0], "水", "".join(_texts(9, 17)[0]), "隔壁着火了快来人", "完全没有见过的字"]
    assert max(map(len, texts)) > 2 * WINDOWS[-1]
    assert model.alarms(texts) == pytest.approx([model.read(text).emergency for text in texts])


def test_same_rows_give_the_same_bytes(fitted: build.Fitted) -> None:
    assert _assembled(_fit()).body == _assembled(fitted).body


def test_a_signed_model_is_loaded(file: Path) -> None:
    model = Model.load(file)
    assert model.version == f"model-{model.digest[:8]}"
    assert bytes.fromhex(model.signer) in signing.trusted()


@pytest.mark.parametrize("place", [20, 900, -1, -80])
def test_a_changed_byte_is_refused(file: Path, place: int) -> None:
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)
    with pytest.raises(ModelRefused) as refused:
        Model.load(file)
    assert refused.value.file == file and refused.value.reason and refused.value.zh


def test_an_unsigned_model_is_refused(file: Path, fitted: build.Fitted) -> None:
    file.write_bytes(model_file.signed(_assembled(fitted).body))
    with pytest.raises(ModelRefused, match="not signed"):
        Model.load(file)


def test_an_unknown_signer_is_refused_unless_only_measured(file: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelRefused, match="not trusted"):
        Model.load(file, keys=tmp_path / "others")
    assert Model.load(file, keys=tmp_path / "others", any_signer=True).leaves


def test_a_failing_suite_report_is_refused(file: Path, fitted: build.Fitted) -> None:
    body = _assembled(fitted, more={"suite": {"failures": 3}}).body
    file.write_bytes(model_file.signed(body, signing.own_key()))
    with pytest.raises(ModelRefused, match="3 failures"):
        Model.load(file)


@pytest.mark.parametrize("content", [b"", b"callmesh model 1\n", b"PK\x03\x04" * 100])
def test_what_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "no.model"
    path.write_bytes(content)
    with pytest.raises(ModelRefused, match="not a model"):
        Model.load(path)
    with pytest.raises(ModelRefused, match="cannot be read"):
        Model.load(tmp_path / "missing.model")


def test_the_private_key_is_readable_by_its_owner_only(keys: Path) -> None:
    first = signing.public_bytes(signing.own_key())
    assert signing.public_bytes(signing.own_key()) == first
    assert (keys / "signer.key").stat().st_mode & 0o077 == 0


def test_the_shipped_model_is_small_pinned_and_knows_the_catalogue() -> None:
    model = Model.load()
    assert DEFAULT.stat().st_size <= 3_000_000
    assert not model.signer and model.digest in model_file.pinned()
    assert hashlib.sha256(DEFAULT.read_bytes()[:-96]).hexdigest() == model.digest
    assert {one.category for one in corpus.load() if one.category} <= set(model.leaves)
    assert model.scores_emergencies


@pytest.mark.parametrize(
    "chosen",
    [
        {},
        {"longest": 2, "strength": 4.5, "balanced": False},
        {"kind": "union", "strength": 1e-5, "mixture": 0.15},
        {"kind": "word", "longest": 1, "strength": 0.15},
    ],
)
def test_a_recipe_is_read_back_from_a_models_header(chosen: dict[str, Any]) -> None:
    from callmesh.classification.training.fit import Recipe

    recipe = Recipe(**chosen)
    assert Recipe.read(str(recipe)) == recipe
    assert Recipe.read(f"{recipe}, and more") is None
