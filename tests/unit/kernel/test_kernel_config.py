"""Settings from the environment; a wrong one is named."""

from __future__ import annotations

from dataclasses import fields

import pytest

from callmesh.kernel.config import PREFIX, Settings, from_environment, settings_help


def test_nothing_set_means_development() -> None:
    assert from_environment({}) == Settings()
    assert from_environment({"PATH": "/bin", "CALLMESH_UNHEARD_OF": "1"}) == Settings()


def test_every_field_is_a_variable_and_in_the_help() -> None:
    help_text = settings_help()
    for one in fields(Settings):
        assert PREFIX + one.name.upper() in help_text
        assert one.metadata["help"] in help_text


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("SHARD", "3", 3),
        ("PORT", "7777", 7777),
        ("REFLECTION", "false", False),
        ("REFLECTION", "0", False),
        ("REGION", "r9", "r9"),
        ("DATABASE_URL", "sqlite:////tmp/x", "sqlite:////tmp/x"),
    ],
)
def test_texts_become_values(variable: str, text: str, value: object) -> None:
    found = from_environment({f"CALLMESH_{variable}": text})
    assert getattr(found, variable.lower()) == value


@pytest.mark.parametrize(
    ("variable", "text"),
    [("SHARD", "abc"), ("PORT", ""), ("REPLICAS", "1.5"), ("MAX_CONCURRENT", "many"), ("REFLECTION", "maybe")],
)
def test_what_is_wrong_is_named_by_its_variable(variable: str, text: str) -> None:
    with pytest.raises(ValueError, match=rf"^CALLMESH_{variable}: .*"):
        from_environment({f"CALLMESH_{variable}": text})


def test_production_needs_a_secret_of_its_own() -> None:
    with pytest.raises(ValueError, match=r"^(CALLMESH_NUMBER_KEY: |set CALLMESH_NUMBER_KEY: )"):
        from_environment({"CALLMESH_ENVIRONMENT": "production"})
    own = {"CALLMESH_ENVIRONMENT": "production", "CALLMESH_NUMBER_KEY": "own"}
    with pytest.raises(ValueError, match=r"^set CALLMESH_TLS_CERT"):
        from_environment(own)
    own |= {"CALLMESH_TLS_CERT": "c.pem", "CALLMESH_TLS_KEY": "c.key"}
    with pytest.raises(ValueError, match="TLS_CA"):
        from_environment(own)
    own["CALLMESH_TLS_CA"] = "ca.pem"
    with pytest.raises(ValueError, match="CALLMESH_KEK_FILE"):
        from_environment(own)
    own["CALLMESH_KEK_FILE"] = "kek"
    assert from_environment(own).number_key == "own"
