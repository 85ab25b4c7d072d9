"""Every mutant still is one: `make mutants` plants them, and takes minutes."""

import re

import pytest

from mutants.catalogue import MUTANTS, SERVER, Edit, MovedError, Mutant
from mutants.tree import ROOT


def planted(mutant: Mutant) -> dict[str, str]:
    """The files with the fault in them."""
    texts: dict[str, str] = {}
    for edit in mutant.edits:
        text = texts.get(edit.file) or (ROOT / SERVER / edit.file).read_text()
        texts[edit.file] = edit.applied(text)
    return texts


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name)
def test_the_fault_can_be_planted(mutant: Mutant) -> None:
    for file, text in planted(mutant).items():
        assert text != (ROOT / SERVER / file).read_text()
        compile(text, file, "exec")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name)
def test_the_tests_that_catch_it_are_there(mutant: Mutant) -> None:
    assert mutant.tests
    for test in mutant.tests:
        file, _, name = test.partition("::")
        function, _, _ = name.partition("[")
        assert re.search(rf"def {function or 'test_'}", (ROOT / file).read_text()), test


@pytest.mark.parametrize("before", ["no such text", "return"])
def test_code_that_has_moved_is_told(before: str) -> None:
    text = (ROOT / SERVER / "engine/loop.py").read_text()
    with pytest.raises(MovedError, match=r"engine/loop\.py has this"):
        Edit("engine/loop.py", before, "").applied(text)
