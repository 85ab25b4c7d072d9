"""The public surface, and how light the package is."""

import importlib
import pkgutil
import subprocess
import sys
from types import ModuleType

import outdial_client


def test_all_is_sorted_and_complete() -> None:
    public = {
        name
        for name, value in vars(outdial_client).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert sorted(outdial_client.__all__) == sorted(public)
    assert list(outdial_client.__all__) == sorted(outdial_client.__all__)


def test_modules_are_private_but_for_four() -> None:
    modules = {module.name for module in pkgutil.iter_modules(outdial_client.__path__)}
    public = {name for name in modules if not name.startswith("_")}
    assert public <= {"cli", "files", "sync", "testing"}


def test_every_error_of_the_tree_is_public() -> None:
    errors = importlib.import_module("outdial_client._errors")
    kinds = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, outdial_client.OutdialError)
    }
    assert kinds <= set(outdial_client.__all__)


def test_the_sdk_needs_neither_the_server_nor_the_commands_packages() -> None:
    program = (
        "import sys, outdial_client;"
        "heavy = {'outdial_server', 'typer', 'rich', 'sqlalchemy', 'httpx', 'phonenumbers'};"
        "sys.exit(str(found) if (found := heavy & set(sys.modules)) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
