"""Makes the Python packages `callmesh.api` and `callmesh.facts` from protos/ (never committed).

Run by `make gen` and by the wheel's build hook. The directory of a proto equals its package, so
the generated imports need no rewriting. Also lays google/rpc/status.proto beside for buf.
"""

from __future__ import annotations

import shutil
import sys
from importlib import resources
from pathlib import Path

from google.rpc import status_pb2
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
OUT = ROOT / "services"
VENDOR = ROOT / ".build" / "vendor"


def site_packages() -> Path:
    """Where google/rpc/*.proto of googleapis-common-protos lies."""
    return Path(status_pb2.__file__).parent.parent.parent


def plugin(name: str) -> str:
    """Where a protoc plugin lies: beside this interpreter, or on the path of an isolated build."""
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else shutil.which(name) or name


def lay_vendor() -> None:
    """Copies the one foreign proto to where buf looks for it."""
    target = VENDOR / "google" / "rpc"
    target.mkdir(parents=True, exist_ok=True)
    shutil.copy(site_packages() / "google" / "rpc" / "status.proto", target)


def generate() -> int:
    """Runs protoc over all files; returns its exit status."""
    well_known = str(resources.files("grpc_tools") / "_proto")
    outputs = [f"--{kind}_out={OUT}" for kind in ("python", "grpc_python", "mypy", "mypy_grpc")]
    files = sorted(str(path) for path in PROTOS.rglob("*.proto"))
    plugins = [f"--plugin={name}={plugin(name)}" for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")]
    include = [f"-I{PROTOS}", f"-I{VENDOR}", f"-I{well_known}"]
    return int(protoc.main(["protoc", *include, *plugins, *outputs, *files]))


def main() -> int:
    """Lays the foreign proto, generates, marks the packages."""
    lay_vendor()
    status = generate()
    for package in ("api", "api/v1", "facts", "facts/v1"):
        (OUT / "callmesh" / package / "__init__.py").touch()
    return status


if __name__ == "__main__":
    sys.exit(main())
