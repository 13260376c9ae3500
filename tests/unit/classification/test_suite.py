"""The suite itself, its corpus and rules, and the gate over what is in force."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner
from samples import categories

from callmesh.classification.corpus import CorpusError, Sample, load, read
from callmesh.classification.engine import open_engine
from callmesh.classification.metamorphic import RULES
from callmesh.classification.suite import MOST_STOPPED, Suite, run, seeds
from callmesh.cli.classify_check import command
from callmesh.domain.assessment import Assessment
from callmesh.domain.words import Channel, Level, Verdict

DEFAULT_CITY = Path(__file__).parents[3] / "deploy" / "city"


class Always:
    """A classifier with one answer."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict

    def assess(self, text: str, channel: Channel) -> Assessment:
        return Assessment(self.verdict, Level.P2, "waste", (), (), "", "always")


@cache
def in_force() -> Suite:
    return run(open_engine(categories()))


def test_every_leaf_has_enough_texts_of_its_own() -> None:
    tally = Counter(sample.category for sample in load())
    leaves = [category.id for category in categories()]
    assert len(leaves) == 77
    assert {leaf: tally[leaf] for leaf in leaves if tally[leaf] < 25} == {}


def test_categories_of_the_corpus_are_leaves_of_the_catalogue() -> None:
    leaves = {category.id for category in categories()}
    assert [one.where for one in load() if not leaves.issuperset(one.categories)] == []


def test_no_text_is_there_twice_nor_both_learned_and_held() -> None:
    assert [text for text, times in Counter(sample.text for sample in load()).items() if times > 1] == []


def test_a_fifth_or_so_is_held_out_and_of_every_verdict() -> None:
    held = [sample for sample in load() if sample.split == "held"]
    assert len(held) >= 0.1 * len(load())
    assert {sample.verdict for sample in held} == {"emergency", "ask", "route"}


def test_no_phone_number_and_no_identity_number_is_in_the_corpus() -> None:
    digits = ("".join(char if char.isdigit() else " " for char in sample.text).split() for sample in load())
    assert [run for runs in digits for run in runs if len(run) >= 7] == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [("停水了\troute\twater_outage\ttrain", "4 cells"), ("停水了\tperhaps\t\ttrain\t", "'perhaps' is no verdict"),
     ("停水了\troute\t\ttest\t", "'test' is no split"), (" \troute\t\ttrain\t", "text is empty")],
)  # fmt: skip
def test_a_bad_row_is_named_by_file_line_and_reason(tmp_path: Path, line: str, reason: str) -> None:
    table = tmp_path / "draft.tsv"
    table.write_text(f"text\tverdict\tcategory\tsplit\tnote\n# a comment\n{line}\n", encoding="utf-8")
    with pytest.raises(CorpusError, match=f"draft.tsv:3: .*{reason}"):
        list(read(table))


def test_rules_grow_the_emergencies_past_three_thousand() -> None:
    texts = [sample.text for sample in load() if sample.verdict == "emergency"]
    assert len(texts) >= 900
    assert sum(1 for text in texts[:100] for rule in RULES for _ in rule.make(text)) > 3000


def test_a_rule_gives_the_same_texts_every_time() -> None:
    text = "八楼冒黑烟，里面有2个人喊救命"
    first = [(rule.name, made) for rule in RULES for made in rule.make(text)]
    assert first == [(rule.name, made) for rule in RULES for made in rule.make(text)]
    assert len({made for _, made in first}) >= len(RULES)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("traditional, Taiwan", "樓頂有2個人要跳"), ("full width", "楼顶有２个人要跳"),
     ("Chinese numerals", "楼顶有二个人要跳"),
     ("spaces between", "楼 顶 有 2 个 人 要 跳"), ("all in pinyin", "lou ding you 2 ge ren yao tiao"),
     ("as a complaint", "我要投诉，楼顶有2个人要跳")],
)  # fmt: skip
def test_a_rule_rewrites_as_it_says(name: str, expected: str) -> None:
    (rule,) = (rule for rule in RULES if rule.name == name)
    assert list(rule.make("楼顶有2个人要跳")) == [expected]


def test_a_lost_character_is_lost_at_three_places() -> None:
    (rule,) = (rule for rule in RULES if rule.name == "a character lost")
    text = "三楼窗户往外冒烟"
    made = list(rule.make(text))
    assert len(set(made)) == 3
    assert all(len(one) == len(text) - 1 for one in made)


def test_routing_everything_fails_the_gate_and_every_text_is_named() -> None:
    sample = Sample("楼顶有人要跳", "emergency", ("drowning_fall_suicide",), "train", "note", "x.tsv", 7)
    suite = run(Always(Verdict.ROUTE), samples=[sample])
    named = [one for one in suite.failures if one.where == "x.tsv:7"]
    assert not suite.holds
    assert {one.expected for one in named} == {"emergency"}
    assert named[0].text == sample.text
    assert {one.where for one in suite.slipped} <= {"x.tsv:7"} | {f"seed {seed.id}" for seed in seeds()}


def test_raising_a_seed_marked_route_fails_the_gate() -> None:
    suite = run(Always(Verdict.EMERGENCY), samples=[])
    calm = {seed.text for seed in seeds() if seed.expected == "route"}
    assert {one.text for one in suite.failures} == calm
    assert len(suite.failures) == len(calm) * len(Channel)


def test_asking_about_everything_does_not_pass_either() -> None:
    calm = Sample("停水了", "route", ("water_outage",), "train", "note", "x.tsv", 2)
    suite = run(Always(Verdict.ASK), samples=[calm])
    assert suite.failures == []
    assert suite.everyday["train"].stopped > MOST_STOPPED
    assert not suite.holds


def test_half_said_texts_that_are_routed_are_shown_and_too_many_fail() -> None:
    said = Sample("他今天又没有回来", "ask", (), "train", "note", "x.tsv", 3)
    suite = run(Always(Verdict.ROUTE), samples=[said])
    assert "x.tsv:3" in {one.where for one in suite.slipped}
    assert "x.tsv:3" not in {one.where for one in suite.failures}
    assert any("half-said" in reason for reason in suite.reasons)


def test_held_out_texts_are_counted_apart() -> None:
    held = Sample("楼顶有人要跳", "emergency", ("drowning_fall_suicide",), "held", "note", "x.tsv", 2)
    suite = run(Always(Verdict.ROUTE), samples=[held])
    assert {one.where for one in suite.missed} == {"x.tsv:2"}
    assert {one.rule for one in suite.failures if one.where == "x.tsv:2"} == {"as written"}
    assert suite.missed_share > 0.5


def test_the_gate_holds_for_what_is_in_force() -> None:
    suite = in_force()
    print(f"everyday stopped: {[(split, round(one.stopped, 3)) for split, one in suite.everyday.items()]}")  # noqa: T201
    print(f"harmed or half-said routed: {len(suite.slipped)} of {suite.harmed}")  # noqa: T201
    print(f"held out routed: {len(suite.missed)} of {suite.held}")  # noqa: T201
    assert suite.grown > 3000
    assert [(one.rule, one.text) for one in suite.failures] == []
    assert suite.reasons == ()


def test_two_runs_say_the_same() -> None:
    few = [sample for sample in load() if sample.split == "held"][::10]
    engine = open_engine(categories())
    assert run(engine, samples=few) == run(engine, samples=few)


MISJUDGED = Sample("幸福里停水两天了，请问什么时候来水", "emergency", ("fire",), "train", "note", "x.tsv", 2)
"""An everyday text that the corpus would call an emergency: the classifier is right to route it, the gate must fail."""


@pytest.fixture
def one_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callmesh.classification.suite.load", lambda: (MISJUDGED,))


@pytest.mark.usefixtures("one_sample")
def test_check_shows_every_text_at_fault_and_exits_with_one() -> None:
    done = CliRunner().invoke(command, ["--city", str(DEFAULT_CITY)])
    assert done.exit_code == 1
    assert MISJUDGED.text in done.stdout
    assert "THE GATE FAILS" in done.stdout


@pytest.mark.usefixtures("one_sample")
def test_check_tells_a_program_the_same() -> None:
    done = CliRunner().invoke(command, ["--json", "--city", str(DEFAULT_CITY)])
    said = json.loads(done.stdout)
    plain = [one for one in said["failures"] if one["where"] == "x.tsv:2" and one["rule"] == "as written"]
    assert done.exit_code == 1
    assert said["holds"] is False
    assert plain == [
        {"text": MISJUDGED.text, "got": "route", "expected": "emergency", "rule": "as written", "where": "x.tsv:2",
         "channel": plain[0]["channel"], "category": "water_outage"}
    ]  # fmt: skip


def test_check_refuses_a_lexicon_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "lexicon.tsv").write_text("term\tkind\n", encoding="utf-8")
    done = CliRunner().invoke(command, ["--lexicon", str(tmp_path), "--city", str(DEFAULT_CITY)])
    assert done.exit_code == 2
    assert "lexicon.tsv" in done.output
