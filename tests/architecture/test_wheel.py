"""The server's wheel brings all that is not Python, too."""

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src/server/outdial_server"


def test_the_wheel_has_every_file_of_the_package_and_the_native_document(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("outdial-*.whl")
    with ZipFile(wheel) as archive:
        held = set(archive.namelist())
        document = archive.read("outdial_server/gateway/native/openapi.json")
    files = {
        str(Path("outdial_server") / file.relative_to(PACKAGE))
        for file in PACKAGE.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert files <= held
    assert document == (ROOT / "generated/openapi/outdial.json").read_bytes()
