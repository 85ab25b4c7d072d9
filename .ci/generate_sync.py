"""Generates outdial_client/sync.py from the async client, or checks that it is current.

    .ci/generate_sync.py            write it
    .ci/generate_sync.py --check    compare, exit 1 on a difference

Every public class below gets a twin with the same methods, types and docstrings that
waits for the async one in a background thread; how, is in `_sync_runtime.py`.
"""

import ast
import copy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "client" / "outdial_client"
TARGET = PACKAGE / "sync.py"
RUFF = Path(sys.executable).with_name("ruff")

# In the order in which they are written: each knows those above it.
SOURCES = {
    "_pager": ["Pager"],
    "_watch": ["BatchWatch"],
    "_watch_all": ["BatchesWatch"],
    "_export": ["ResultExport"],
    "_accounts": ["Accounts"],
    "_agents": ["Agents"],
    "_batch_imports": ["BatchImports"],
    "_batches": ["Batches"],
    "_scheduled_calls": ["ScheduledCalls"],
    "_calls": ["Calls"],
    "_suppressions": ["Suppressions"],
    "_throttles": ["Throttles"],
    "_contacts": ["ContactFolders", "Contacts"],
    "_phone_numbers": ["PhoneNumbers"],
    "_carrier_configs": ["CarrierConfigs"],
    "_external_calls": ["ExternalCalls"],
    "_webhooks": ["Webhooks"],
    "_client": ["Client"],
}
FACES = {name for names in SOURCES.values() for name in names}

METHOD_NAMES = {
    "__aiter__": "__iter__",
    "__anext__": "__next__",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "aclose": "close",
}
TYPE_NAMES = {"AsyncIterator": "Iterator"}
WORDS = {
    "async for ": "for ",
    "async with ": "with ",
    "await ": "",
    "`aclose()`": "`close()`",
    "Must be made where an event loop runs.": "It works in a thread that all clients share.",
}

HEAD = '''\
"""The client for programs without asyncio: the same groups, methods and types.

    from outdial_client.sync import Client

    with Client("127.0.0.1:50051", api_key="...") as client:
        for update in client.batches.watch(batch_id):
            print(update.counts)

Lists, watches and exports are plain iterators. Callbacks, and iterators that are given
to the client, run in the thread that waits. A client may be used by several threads at
once, and never in a process that was forked after it was made.

Generated from the async client by `make generate`: not to be edited.
"""
'''


def words(text: str) -> str:
    for old, new in WORDS.items():
        text = text.replace(old, new)
    return text


class Types(ast.NodeTransformer):
    """Annotations in the words of the sync client."""

    def __init__(self, aliases: dict[str, str]) -> None:
        self.aliases = aliases
        self.imported: set[tuple[str, str]] = set()

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(TYPE_NAMES.get(node.id, node.id), node.ctx)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        """`messages.X` means another module in each file: here it is X."""
        if isinstance(node.value, ast.Name) and node.value.id in self.aliases:
            self.imported.add((self.aliases[node.value.id], node.attr))
            return ast.Name(node.attr, ast.Load())
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        """`Iterable[X] | AsyncIterable[X]` is `Iterable[X]`."""
        if is_async_iterable(node.right):
            node = node.left  # type: ignore[assignment]
        return super().generic_visit(node)  # type: ignore[return-value]


def is_async_iterable(node: ast.expr) -> bool:
    return ast.unparse(node).startswith("AsyncIterable[")


class Source:
    """One module of the async client."""

    def __init__(self, name: str) -> None:
        self.module = f"outdial_client.{name}"
        self.tree = ast.parse((PACKAGE / f"{name}.py").read_text())
        self.types = Types(dict(self._aliases()))

    def classes(self, names: list[str]) -> Iterator[ast.ClassDef]:
        for node in self.tree.body:
            if isinstance(node, ast.ClassDef) and node.name in names:
                yield node

    def imports(self) -> Iterator[str]:
        """Everything that an annotation may name; what nothing names is taken out later."""
        for node in self.tree.body:
            if isinstance(node, ast.ImportFrom | ast.Import):
                names = [name for name in node.names if name.name not in FACES]
                if names:
                    yield ast.unparse(ast.copy_location(_with_names(node, names), node))
            elif isinstance(node, ast.ClassDef):
                alias = f" as Async{node.name}" if node.name in FACES else ""
                yield f"from {self.module} import {node.name}{alias}"
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                yield f"from {self.module} import {node.targets[0].id}"
        for module, name in sorted(self.types.imported):
            yield f"from {module} import {name}"

    def _aliases(self) -> Iterator[tuple[str, str]]:
        for node in self.tree.body:
            if isinstance(node, ast.ImportFrom):
                for name in node.names:
                    if name.asname == "messages":
                        yield name.asname, f"{node.module}.{name.name}"


def _with_names(node: ast.Import | ast.ImportFrom, names: list[ast.alias]) -> ast.stmt:
    changed = copy.copy(node)
    changed.names = [name for name in names if name.asname != "messages"] or names
    return changed


class Face:
    """The sync twin of one class."""

    def __init__(self, node: ast.ClassDef, types: Types) -> None:
        self.node = node
        self.types = types

    def lines(self) -> Iterator[str]:
        bases = ", ".join(ast.unparse(base) for base in self.node.bases)
        yield f"class {self.node.name}({bases}):"
        yield from self._docstring(self.node, "    ")
        yield from self._attributes()
        if self.node.name != "Client":
            yield from self._wrapping()
        for method in self.node.body:
            if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef) and self._is_public(
                method.name
            ):
                yield ""
                yield from self._method(method)

    def _is_public(self, name: str) -> bool:
        if name == "__init__":
            return self.node.name == "Client"
        return name in METHOD_NAMES or not name.startswith("_")

    def _attributes(self) -> Iterator[str]:
        for node in self.node.body:
            if isinstance(node, ast.AnnAssign):
                yield f"    {ast.unparse(node)}"

    def _wrapping(self) -> Iterator[str]:
        parameters = [ast.unparse(base) for base in self.node.bases]
        generic = next(
            (base.removeprefix("Generic") for base in parameters if base.startswith("Generic")), ""
        )
        yield ""
        yield (
            f"    def __init__(self, loop: LoopThread, inner: Async{self.node.name}{generic})"
            " -> None:"
        )
        yield "        self._loop = loop"
        # The type is said: a class below another one knows more than that one does.
        yield f"        self._inner: Async{self.node.name}{generic} = inner"
        if any(getattr(node, "name", "") == "aclose" for node in self.node.body):
            yield "        loop.release_with(self, inner.aclose)"

    def _method(self, method: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
        for decorator in method.decorator_list:
            yield f"    @{ast.unparse(decorator)}"
        name = METHOD_NAMES.get(method.name, method.name)
        arguments = self._typed(method.args)
        returns = self._returned(method)
        yield f"    def {name}({ast.unparse(arguments)}) -> {returns}:"
        yield from self._docstring(method, "        ")
        yield from (f"        {line}" for line in self._body(method, returns))

    def _returned(self, method: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
        if method.returns is None:
            raise SystemExit(f"{self.node.name}.{method.name}: gives no type of what it returns")
        return ast.unparse(self.types.visit(copy.deepcopy(method.returns)))

    def _typed(self, arguments: ast.arguments) -> ast.arguments:
        typed = copy.deepcopy(arguments)
        for argument in [*typed.args, *typed.kwonlyargs]:
            if argument.annotation is not None:
                argument.annotation = self.types.visit(argument.annotation)
        return typed

    def _body(self, method: ast.FunctionDef | ast.AsyncFunctionDef, returns: str) -> Iterator[str]:
        inner = f"self._inner.{method.name}"
        given = ", ".join(_arguments(method))
        is_generator = any(isinstance(node, ast.Yield) for node in ast.walk(method))
        if method.name == "__init__":
            yield from self._connecting(given)
        elif any(ast.unparse(decorator) == "property" for decorator in method.decorator_list):
            yield f"return {inner}"
        elif returns == "Self":
            yield "return self"
        elif method.name == "__anext__":
            yield "return self._loop.next(self._inner)"
        elif is_generator:
            yield f"return self._loop.iterate({inner})"
        elif isinstance(method, ast.AsyncFunctionDef):
            work = f"partial({inner}, {given})" if given else inner
            keyword = "" if returns == "None" else "return "
            yield f"{keyword}self._loop.run({work})"
        elif (face := returns.partition("[")[0]) in FACES:
            yield f"return {face}(self._loop, {inner}({given}))"
        else:
            raise SystemExit(f"{self.node.name}.{method.name}: no rule for it")

    def _connecting(self, given: str) -> Iterator[str]:
        yield "self._loop = shared_loop()"
        yield f"self._inner = self._loop.call(partial(AsyncClient, {given}))"
        for node in self.node.body:
            if isinstance(node, ast.AnnAssign):
                name, kind = ast.unparse(node.target), ast.unparse(node.annotation)
                yield f"self.{name} = {kind}(self._loop, self._inner.{name})"

    def _docstring(
        self, node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, indent: str
    ) -> Iterator[str]:
        text = ast.get_docstring(node)
        if text is not None:
            body = "\n".join(f"{indent}{line}" if line else "" for line in words(text).split("\n"))
            end = f"\n{indent}" if "\n" in text else ""
            yield f'{indent}"""{body.lstrip()}{end}"""'


def _arguments(method: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """How the twin hands its arguments on."""
    for argument in method.args.args[1:]:
        yield _handed_on(argument)
    for argument in method.args.kwonlyargs:
        yield f"{argument.arg}={_handed_on(argument)}"
    if method.args.kwarg is not None:
        yield f"**{method.args.kwarg.arg}"


def _handed_on(argument: ast.arg) -> str:
    kind = ast.unparse(argument.annotation) if argument.annotation else ""
    if kind.startswith("Callable["):
        return f"told_here({argument.arg})"
    if "AsyncIterable[" in kind:
        return f"read_here({argument.arg})"
    if kind.startswith("Iterable["):
        # Read here: it may be a generator that uses the client itself.
        return f"tuple({argument.arg})"
    return argument.arg


def generate() -> str:
    sources = {name: Source(name) for name in SOURCES}
    classes = [
        "\n".join(Face(node, sources[name].types).lines())
        for name, wanted in SOURCES.items()
        for node in sources[name].classes(wanted)
    ]
    imports = sorted({line for source in sources.values() for line in source.imports()})
    runtime = (
        "from collections.abc import Iterator\n"
        "from outdial_client._sync_runtime import LoopThread, read_here, shared_loop, told_here"
    )
    exported = "".join(f"    {name!r},\n" for name in sorted(FACES))
    text = "\n".join(
        [HEAD, *imports, runtime, f"\n__all__ = [\n{exported}]\n", "\n\n\n".join(classes)]
    )
    return formatted(text + "\n")


def formatted(text: str) -> str:
    for command in (
        ["check", "--fix-only", "--quiet", "--select", "F401,F811,I", "-"],
        ["format", "--quiet", "-"],
    ):
        done = subprocess.run(
            [RUFF, *command, "--stdin-filename", TARGET],
            input=text,
            text=True,
            capture_output=True,
            check=True,
            cwd=ROOT,
        )
        text = done.stdout
    return text


def main(arguments: list[str]) -> int:
    fresh = generate()
    if arguments != ["--check"]:
        TARGET.write_text(fresh)
        return 0
    if TARGET.exists() and TARGET.read_text() == fresh:
        return 0
    print("outdial_client/sync.py is not current: run `make generate`.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
