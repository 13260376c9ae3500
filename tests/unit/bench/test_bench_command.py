"""The command: its manual page, and one small run of everything."""

import pytest
from click.testing import CliRunner

from callmesh.cli.bench import bench, command
from callmesh.cli.bench.mesh import services
from callmesh.cli.bench.plan import HISTORY, SECTIONS
from callmesh.cli.bench.targets import TARGETS
from support.bench import bench as run


def test_the_manual_page_says_what_is_measured_and_how_to_read_it():
    page = CliRunner().invoke(bench, ["--help"])
    assert page.exit_code == 0
    assert command is bench
    for word in (*SECTIONS, "Reading it", "Exit status", "Examples", "--json"):
        assert word in page.output


def test_an_unknown_section_is_wrong_usage():
    assert CliRunner().invoke(bench, ["--only", "nothing"]).exit_code == 2


@pytest.mark.slow
def test_a_quick_run_gives_every_figure_and_loses_nothing(tmp_path):
    found = run("--quick", "--folder", str(tmp_path))
    print(found["flows"]["counted"], found["latency"], found["streams"])  # noqa: T201  # for when it fails
    assert set(SECTIONS) <= set(found)
    wanted = {one.name for one in TARGETS if one.section != HISTORY} - (
        {"projection"} if "tracking" not in services() else set()
    )
    assert set(found["targets"]) == wanted
    assert found["targets"]["lost_or_doubled"]["figure"] == 0
    counted = found["flows"]["counted"]
    assert counted["whole"] == counted["opened"] == found["environment"]["plan"]["flows"]
    assert found["latency"]["mesh"]["missing"] == found["latency"]["bare"]["missing"] == 0
    assert found["streams"]["first"]["welcomed"] == found["streams"]["return"]["welcomed"]
    assert found["growth"]["tracking"]["equal"]
    ratios = ("cpu_per_fact", "transfer_to_partner_p50", "transfer_to_partner_p99", "head_read_grown", "append_grown")
    assert all(found["targets"][name]["ratio"] > 0 for name in ratios)
