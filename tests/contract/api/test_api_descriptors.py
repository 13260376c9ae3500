"""Rules of the contract that buf cannot see, read from the descriptors."""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module
from typing import Any

import pytest
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, FileDescriptor, MethodDescriptor
from google.rpc import error_details_pb2

import callmesh.api.v1
from callmesh.api.v1 import errors_pb2
from callmesh.domain import errors as d
from callmesh.facts.v1 import facts_pb2
from callmesh.kernel.config import SERVICES
from callmesh.kernel.rpc.errors import internal, status_of
from support.errors import EXAMPLES

API = [
    import_module(f"callmesh.api.v1.{one.name}").DESCRIPTOR
    for one in pkgutil.iter_modules(callmesh.api.v1.__path__)
    if one.name.endswith("_pb2")
]
FILES: list[FileDescriptor] = [*API, facts_pb2.DESCRIPTOR]
METHODS = [method for file in API for service in file.services_by_name.values() for method in service.methods]
READS = ("Get", "List", "Watch", "Suggest", "Pull", "Check")
# A receipt is idempotent by what it says; the stream's actions carry a request_id each.
NO_REQUEST_ID = {"AcknowledgeReferral", "ReceiveReferrals"}
# A new case has no etag yet; a partner is guarded by its referral's state, not by the case it cannot see whole.
NO_ETAG = {"OpenCase", "AcceptReferral", "ReportProgress", "ReturnReferral", "ResolveReferral", "ContestReturn"} | {
    "RequestExtension",
    "RequestSuspension",
    "RequestDisclosure",
}
HASHED_OR_SEALED = {"previous", "sealed", "squeezed", "callmesh.facts.v1.SealedField.value"}
"""Bytes by nature: what links and what is encrypted in the log, and a large file on its way."""
RESOURCES = ("Case", "Referral", "CaseEvent")


def messages(file: FileDescriptor) -> list[Descriptor]:
    found, todo = [], list(file.message_types_by_name.values())
    while todo:
        one = todo.pop()
        found.append(one)
        todo += one.nested_types
    return found


MESSAGES = [one for file in FILES for one in messages(file)]
ENUMS: list[EnumDescriptor] = [
    *(one for file in FILES for one in file.enum_types_by_name.values()),
    *(enum for message in MESSAGES for enum in message.enum_types),
]
CHANGES_NO_CASE = {"ApplyCity"}
MUTATIONS = [one for one in METHODS if not one.name.startswith(READS) and one.name not in CHANGES_NO_CASE]


def by_name(listed: list[Any]) -> dict[str, Any]:
    return {"argvalues": listed, "ids": [one.full_name.removeprefix("callmesh.") for one in listed]}


def is_text(field: FieldDescriptor) -> bool:
    return field.type == FieldDescriptor.TYPE_STRING and not field.is_repeated


def test_there_is_something_to_look_at() -> None:
    assert len(METHODS) > 20
    assert len(MUTATIONS) > 10
    assert len(MESSAGES) > 80


@pytest.mark.parametrize("method", **by_name([one for one in MUTATIONS if one.name not in NO_REQUEST_ID]))
class TestMutations:
    def test_request_id_comes_first(self, method: MethodDescriptor) -> None:
        first = method.input_type.fields_by_number[1]
        assert first.name == "request_id"
        assert is_text(first)

    def test_an_etag_guards_what_changes_a_case(self, method: MethodDescriptor) -> None:
        if method.name in NO_ETAG:
            assert "etag" not in method.input_type.fields_by_name
            return
        assert is_text(method.input_type.fields_by_name["etag"])

    def test_what_is_changed_is_named(self, method: MethodDescriptor) -> None:
        if method.name != "OpenCase":
            assert is_text(method.input_type.fields_by_name["name"])

    def test_the_answer_is_the_resource(self, method: MethodDescriptor) -> None:
        assert method.output_type.name in ("Case", "Referral")


@pytest.mark.parametrize("method", **by_name([one for one in METHODS if one.name.startswith(READS)]))
def test_reads_change_nothing_and_carry_no_request_id(method: MethodDescriptor) -> None:
    assert "request_id" not in method.input_type.fields_by_name


@pytest.mark.parametrize("method", **by_name(METHODS))
def test_requests_and_responses_are_named_after_their_method(method: MethodDescriptor) -> None:
    assert method.input_type.name == f"{method.name}Request"
    resources = ("Case", "Referral", "Timeline")
    assert method.output_type.name in (f"{method.name}Response", *resources)


@pytest.mark.parametrize("message", **by_name([one for one in MESSAGES if "page_size" in one.fields_by_name]))
def test_pages_come_with_tokens(message: Descriptor) -> None:
    assert message.fields_by_name["page_size"].type == FieldDescriptor.TYPE_INT32
    assert is_text(message.fields_by_name["page_token"])
    response = message.file.message_types_by_name[message.name.replace("Request", "Response")]
    assert is_text(response.fields_by_name["next_page_token"])
    assert response.fields[0].is_repeated


@pytest.mark.parametrize("message", **by_name([one for one in MESSAGES if "page_token" in one.fields_by_name]))
def test_tokens_come_with_pages(message: Descriptor) -> None:
    assert "page_size" in message.fields_by_name


@pytest.mark.parametrize("name", RESOURCES)
def test_a_resource_begins_with_its_name(name: str) -> None:
    (resource,) = [one for one in MESSAGES if one.name == name and one.file in API]
    assert resource.fields_by_number[1].name == "name"
    assert is_text(resource.fields_by_number[1])


@pytest.mark.parametrize("file", FILES, ids=lambda one: one.name)
def test_only_proto3(file: FileDescriptor) -> None:
    copied = descriptor_pb2.FileDescriptorProto()
    file.CopyToProto(copied)
    assert copied.syntax == "proto3"


@pytest.mark.parametrize("enum", **by_name(ENUMS))
def test_zero_says_nothing(enum: EnumDescriptor) -> None:
    assert enum.values_by_number[0].name.endswith("_UNSPECIFIED")
    assert [one.number for one in enum.values] == list(range(len(enum.values)))


@pytest.mark.parametrize("message", **by_name([one for one in MESSAGES if "state" in one.fields_by_name]))
def test_states_are_enums(message: Descriptor) -> None:
    assert message.fields_by_name["state"].enum_type is not None


def test_no_float_and_no_bytes() -> None:
    """Bytes would hide structure, single precision would move a point by a metre."""
    for message in MESSAGES:
        for field in message.fields:
            if not {field.name, field.full_name} & HASHED_OR_SEALED:
                assert field.type not in (FieldDescriptor.TYPE_FLOAT, FieldDescriptor.TYPE_BYTES), field.full_name


def test_personal_data_stands_in_the_report_only() -> None:
    """No other message of the stored case has the fields of a caller."""
    report = {"Report", "Caller", "Supplement", "Place", "Attachment", "CaseFilter", "CallLeg"}
    personal = {"narrative", "subscriber", "contact_number", "plates", "landmark"}
    for message in MESSAGES:
        if message.name not in report:
            assert not personal & set(message.fields_by_name), message.full_name


@pytest.mark.parametrize("name", SERVICES)
def test_every_rpc_is_served(name: str) -> None:
    servicer = import_module(f"callmesh.{name}.servicer")
    generated = import_module(f"callmesh.api.v1.{name}_service_pb2_grpc")
    (service,) = import_module(f"callmesh.api.v1.{name}_service_pb2").DESCRIPTOR.services_by_name.values()
    base = getattr(generated, f"{service.name}Servicer")
    classes = [one for _, one in inspect.getmembers(servicer, inspect.isclass)]
    (own,) = [one for one in classes if issubclass(one, base) and one is not base]
    for method in service.methods:
        implementation = getattr(own, method.name)
        assert implementation is not getattr(base, method.name), method.full_name
        yields = method.server_streaming and not method.client_streaming
        assert inspect.isasyncgenfunction(implementation) if yields else inspect.iscoroutinefunction(implementation)


def test_every_reason_of_the_contract_can_be_given() -> None:
    given = {_reason(status_of(error)) for error in EXAMPLES} | {_reason(internal("0" * 32)), "UNPARSABLE"}
    documented = {one.name.removeprefix("ERROR_REASON_") for one in errors_pb2.ErrorReason.DESCRIPTOR.values}
    assert given == documented - {"UNSPECIFIED"}
    errors = {one for one in vars(d).values() if isinstance(one, type) and issubclass(one, d.DomainError)}
    assert {type(one) for one in EXAMPLES} == errors - {d.DomainError}


def _reason(status: Any) -> str:
    info = error_details_pb2.ErrorInfo()
    status.details[0].Unpack(info)
    return str(info.reason)
