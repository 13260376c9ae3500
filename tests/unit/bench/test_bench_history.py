"""The section that needs minutes, in small: a mesh with a past beside one without."""

import pytest

from support.bench import bench


@pytest.mark.slow
def test_a_small_past_is_lived_through_and_both_meshes_are_measured(tmp_path):
    found = bench("--history", "--quick", "--cases", "50", "--folder", str(tmp_path))
    past = found["history"]
    assert past["past"]["facts"] == 100 and past["past"]["stored"] == 100
    for side in ("empty", "full"):
        assert past[side]["transfer"]["count"] == past[side]["lateness"]["count"] > 0
        assert past[side]["transfer"]["missing"] == 0 and past[side]["early"] == 0
    assert {"transfer_past", "lateness_past"} == set(found["targets"])
