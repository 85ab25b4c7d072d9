"""Generates generated/outdial from proto/outdial, or checks that it is current.

    .ci/generate.py            write generated/outdial
    .ci/generate.py --check    generate elsewhere, compare, exit 1 on a difference

Run with the interpreter of the project's environment: protoc, the gRPC plugin
and the two mypy plugins come from it. The google/api files are only imported;
their Python code is that of the package googleapis-common-protos.
"""

import filecmp
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from importlib import resources
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROTO = ROOT / "proto"
GOOGLE_PROTOS = ROOT / ".protos"
GENERATED = ROOT / "generated" / "outdial"
CLIENT_PROJECT = ROOT / "src" / "client" / "pyproject.toml"

INIT = {
    "__init__.py": '"""Outdial\'s generated gRPC code, by version of the contract."""\n',
    "v1/__init__.py": '"""Generated from proto/outdial/v1: see its *_pb2 modules."""\n',
    "py.typed": "",
}


def run_protoc(out: Path) -> None:
    bin_directory = Path(sys.executable).parent
    well_known = resources.files("grpc_tools") / "_proto"
    subprocess.run(
        [
            sys.executable,
            "-m",
            "grpc_tools.protoc",
            f"--proto_path={PROTO}",
            f"--proto_path={GOOGLE_PROTOS}",
            f"--proto_path={well_known}",
            f"--python_out={out}",
            f"--grpc_python_out={out}",
            f"--mypy_out=quiet:{out}",
            # Server and client are both async: the types say so.
            f"--mypy_grpc_out=quiet,only_async:{out}",
            *sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto")),
        ],
        check=True,
        cwd=PROTO,
        env=os.environ | {"PATH": f"{bin_directory}{os.pathsep}{os.environ['PATH']}"},
    )


def drop_empty_grpc_modules(package: Path) -> None:
    """A file without a service needs no *_pb2_grpc module; protoc writes one all the same."""
    for module in package.rglob("*_pb2_grpc.py"):
        if "class " not in module.read_text():
            module.unlink()
            module.with_suffix(".pyi").unlink(missing_ok=True)


def generate(out: Path) -> Path:
    """Generates below `out` and gives the package's folder."""
    run_protoc(out)
    package = out / "outdial"
    drop_empty_grpc_modules(package)
    for name, text in INIT.items():
        (package / name).write_text(text)
    return package


def files_below(directory: Path) -> set[str]:
    return {
        path.relative_to(directory).as_posix()
        for path in directory.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def differences(fresh: Path, committed: Path) -> list[str]:
    new, old = files_below(fresh), files_below(committed)
    changed = {
        name for name in new & old if not filecmp.cmp(fresh / name, committed / name, shallow=False)
    }
    return [
        *(f"missing: {name}" for name in sorted(new - old)),
        *(f"left over: {name}" for name in sorted(old - new)),
        *(f"differs: {name}" for name in sorted(changed)),
    ]


def floors(package: Path) -> dict[str, str]:
    """The versions that the generated code asks for when it is imported."""
    grpc, protobuf = set[str](), set[str]()
    for module in package.rglob("*.py"):
        text = module.read_text()
        grpc.update(re.findall(r"GRPC_GENERATED_VERSION = '([\d.]+)'", text))
        protobuf.update(re.findall(r"Protobuf Python Version: ([\d.]+)", text))
    found = {"grpcio": grpc, "protobuf": protobuf}
    return {name: versions.pop() for name, versions in found.items() if versions}


def wrong_floors(package: Path) -> list[str]:
    """The client's dependencies that let in a version older than the generated code allows."""
    declared = tomllib.loads(CLIENT_PROJECT.read_text())["project"]["dependencies"]
    return [
        f"src/client/pyproject.toml must require {name}>={version}"
        for name, version in floors(package).items()
        if not any(re.match(rf"{name}>={re.escape(version)}(,|$)", line) for line in declared)
    ]


def main(arguments: list[str]) -> int:
    with tempfile.TemporaryDirectory() as temporary:
        fresh = generate(Path(temporary))
        problems = wrong_floors(fresh)
        if arguments == ["--check"]:
            problems += differences(fresh, GENERATED)
        else:
            shutil.rmtree(GENERATED, ignore_errors=True)
            shutil.copytree(fresh, GENERATED)
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        print("The generated code is not current: run `make generate`.", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
