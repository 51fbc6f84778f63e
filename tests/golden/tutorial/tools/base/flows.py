# mypy: ignore-errors
"""The flow of an entrypoint, read from its source without an import."""

import ast
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

Function = ast.FunctionDef | ast.AsyncFunctionDef
LITERAL = (ast.Constant, ast.Dict, ast.List, ast.Set, ast.Tuple, ast.JoinedStr)


class NoFlow(Exception):
    """An entrypoint is not a flow; the text says what it is."""


@dataclass(frozen=True)
class Flow:
    """A flow of this project."""

    name: str
    """Its name in Prefect; empty if only running the code could tell."""
    parameters: frozenset[str] | None
    """Its parameters; None if it takes any."""
    required: frozenset[str]


def split_entrypoint(entrypoint: str) -> tuple[str, str]:
    """The file or module, and the function in it."""
    where, _, function = entrypoint.rpartition(":" if ":" in entrypoint else ".")
    return where, function


def source_file(root: Path, entrypoint: str) -> Path | None:
    """The file of an entrypoint, even if it does not exist; None for another package."""
    where, _ = split_entrypoint(entrypoint)
    if where.endswith(".py"):
        return root / where
    parts = where.split(".")
    for top in (root / "src", root):
        if parts[0] and ((top / parts[0]).is_dir() or (top / f"{parts[0]}.py").exists()):
            package = top.joinpath(*parts, "__init__.py")
            return package if package.exists() else top.joinpath(*parts).with_suffix(".py")
    return None if parts[0] else root / "src"


def find_flow(root: Path, entrypoint: str) -> Flow | None:
    """The flow of an entrypoint; None if only running the code could tell.

    Raises:
        NoFlow: there is none.
    """
    file = source_file(root, entrypoint)
    if file is None:
        return None
    try:
        module = ast.parse(file.read_bytes(), str(file))
    except OSError:
        raise NoFlow("does not exist") from None
    except (SyntaxError, ValueError) as error:
        raise NoFlow(f"cannot be read: {error}") from None
    names = imported(module)
    scope: list[ast.stmt] = module.body
    *classes, function = split_entrypoint(entrypoint)[1].split(".")
    for name in classes:
        found = definition(scope, name)
        if not isinstance(found, ast.ClassDef):
            return None
        scope = found.body
    found = definition(scope, function)
    if isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef):
        return flow_of(found, names, method=bool(classes))
    if found is None and not any(name == "*" for name in names):
        raise NoFlow("does not exist")
    if isinstance(found, ast.ClassDef) or isinstance(getattr(found, "value", None), LITERAL):
        raise NoFlow("is not a flow")
    return None


def flows_in(root: Path, entrypoint: str) -> list[str]:
    """The names of the functions with @flow in the file of an entrypoint."""
    try:
        module = ast.parse((source_file(root, entrypoint) or root).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return []
    where, _ = split_entrypoint(entrypoint)
    found = []
    for statement in statements(module.body):
        if isinstance(statement, Function):
            with contextlib.suppress(NoFlow):
                if find_flow(root, f"{where}:{statement.name}"):
                    found.append(statement.name)
    return list(dict.fromkeys(found))


def name_in_prefect(root: Path, entrypoint: str) -> str:
    """The name of an entrypoint's flow; empty if only running the code could tell."""
    try:
        flow = find_flow(root, entrypoint)
    except NoFlow:
        return ""
    return flow.name if flow else ""


def statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """All statements executed at import, including those inside `if`, `try` and `with`."""
    for statement in body:
        yield statement
        if not isinstance(statement, Function | ast.ClassDef):
            for field in ("body", "orelse", "finalbody"):
                yield from statements(getattr(statement, field, []))
            for handler in getattr(statement, "handlers", []):
                yield from statements(handler.body)


def definition(body: list[ast.stmt], name: str) -> ast.stmt | None:
    """The last statement that defines a name."""
    found = None
    for statement in statements(body):
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                bound = {statement.name}
            case ast.Import() | ast.ImportFrom():
                bound = {each.asname or each.name.partition(".")[0] for each in statement.names}
            case _:
                nodes = ast.walk(statement)
                bound = {n.id for n in nodes if isinstance(n, ast.Name) and stored(n)}
        found = statement if name in bound else found
    return found


def stored(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Store)


def imported(module: ast.Module) -> dict[str, str]:
    """The full names of imported names, such as `prefect.flow` for `flow`."""
    names = {}
    for statement in statements(module.body):
        if isinstance(statement, ast.Import):
            for each in statement.names:
                top = each.name.partition(".")[0]
                names[each.asname or top] = each.name if each.asname else top
        elif isinstance(statement, ast.ImportFrom):
            for each in statement.names:
                names[each.asname or each.name] = f"{statement.module}.{each.name}"
    return names


def flow_of(function: Function, names: dict[str, str], method: bool) -> Flow | None:
    kinds = {}
    for decorator in function.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        first, _, rest = ast.unparse(called).partition(".")
        full = ".".join(filter(None, (names.get(first, first), rest)))
        kinds[full.rpartition(".")[2] if full.startswith("prefect.") else full] = decorator
    if method and "staticmethod" not in kinds:
        return None
    if "flow" in kinds:
        return Flow(flow_name(function, kinds["flow"]), *signature(function.args))
    if "task" in kinds:
        raise NoFlow("is a task")
    if not kinds or kinds.keys() == {"staticmethod"}:
        raise NoFlow("is a function without @flow")
    return None


def flow_name(function: Function, decorator: ast.expr) -> str:
    """Its name in Prefect: the argument `name`, or else the function's name with dashes."""
    for keyword in getattr(decorator, "keywords", []):
        if keyword.arg in ("name", None):
            value = keyword.value
            return str(value.value) if isinstance(value, ast.Constant) and value.value else ""
    if getattr(decorator, "args", []):
        return ""
    return function.name.replace("_", "-")


def signature(given: ast.arguments) -> tuple[frozenset[str] | None, frozenset[str]]:
    """The parameters of a function, and the required ones."""
    positional = [each.arg for each in (*given.posonlyargs, *given.args)]
    keyword_only = [each.arg for each in given.kwonlyargs]
    required = set(positional[: len(positional) - len(given.defaults)])
    defaults = zip(keyword_only, given.kw_defaults, strict=True)
    required |= {name for name, default in defaults if default is None}
    taken = None if given.kwarg else frozenset((*positional, *keyword_only))
    return taken, frozenset(required)
