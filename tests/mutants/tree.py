"""A copy of the tree in which faults are planted: the tree itself is never touched."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mutants.catalogue import SERVER, Mutant

ROOT = Path(__file__).parents[2]
_COPIED = ("src/server", "tests", "pyproject.toml")


class Tree:
    def __init__(self, folder: Path) -> None:
        for name in _COPIED:
            source = ROOT / name
            if source.is_dir():
                unwanted = shutil.ignore_patterns("__pycache__")
                shutil.copytree(source, folder / name, ignore=unwanted)
            else:
                shutil.copyfile(source, folder / name)
        self._folder = folder
        paths = [str(folder / "src/server"), str(folder / "tests")]
        self._environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            # A file that is changed twice within a second keeps its compiled form.
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self._check_that_it_is_used()

    def _check_that_it_is_used(self) -> None:
        told = self.run(["-c", "import outdial_server; print(outdial_server.__file__)"])
        if not Path(told.stdout.strip()).is_relative_to(self._folder):
            raise RuntimeError(f"the copy is not what is tested, but {told.stdout}{told.stderr}")

    def run(self, arguments: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )

    @contextmanager
    def with_fault(self, mutant: Mutant) -> Iterator[None]:
        """Raises MovedError when the code is another one than the mutant was written for."""
        files = {edit.file: self._folder / SERVER / edit.file for edit in mutant.edits}
        before = {name: path.read_text() for name, path in files.items()}
        try:
            for edit in mutant.edits:
                path = files[edit.file]
                path.write_text(edit.applied(path.read_text()))
            yield
        finally:
            for name, path in files.items():
                path.write_text(before[name])
