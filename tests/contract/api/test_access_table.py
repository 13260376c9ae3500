"""Every RPC of the contract has its row in the table, and the table has no row too many."""

from __future__ import annotations

import pkgutil
from importlib import import_module

import callmesh.api.v1
from callmesh.domain.access import TABLE

FILES = [
    import_module(f"callmesh.api.v1.{one.name}").DESCRIPTOR
    for one in pkgutil.iter_modules(callmesh.api.v1.__path__)
    if one.name.endswith("_pb2")
]
METHODS = [method for file in FILES for service in file.services_by_name.values() for method in service.methods]


def test_every_rpc_has_a_row() -> None:
    missing = sorted(one.full_name for one in METHODS if one.name not in TABLE)
    assert not missing, f"nobody may call these until callmesh/domain/access.py has a row for them: {missing}"


def test_every_row_is_an_rpc() -> None:
    assert sorted(TABLE) == sorted({one.name for one in METHODS})


def test_names_are_unique_so_that_a_row_is_one_rpc() -> None:
    names = [one.name for one in METHODS]
    assert len(names) == len(set(names))


def test_what_names_a_case_is_checked_against_the_case() -> None:
    about_a_case = {one.name for one in METHODS if {"name", "parent"} & set(one.input_type.fields_by_name)}
    assert about_a_case <= {name for name, rule in TABLE.items() if rule.relations}
