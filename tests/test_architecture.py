"""The invariants that ARCHITECTURE.md names, checked on the sources themselves."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = {
    ".".join(("pilotfish", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): path
    for folder in ("lsp", "backend")
    for path in sorted((ROOT / folder).rglob("*.py"))
}
PURE = (
    "pilotfish.lsp.cache",
    "pilotfish.lsp.context",
    "pilotfish.lsp.demo_places",
    "pilotfish.lsp.demo_screen",
    "pilotfish.lsp.documents",
    "pilotfish.lsp.edits",
    "pilotfish.lsp.exclusion",
    "pilotfish.lsp.filters",
    "pilotfish.lsp.settings_layers",
    "pilotfish.lsp.trigger",
    "pilotfish.lsp.typing_rhythm",
)
"""Modules, or packages with all that is in them, that neither do I/O nor read a clock."""
IMPURE = {
    *(
        "asyncio",
        "datetime",
        "fileinput",
        "glob",
        "http",
        "httpx",
        "locale",
        "logging",
        "multiprocessing",
        "os",
    ),
    *("platform", "pygls", "random", "secrets", "select", "shutil", "signal", "socket", "ssl", "subprocess"),
    *("sys", "tempfile", "threading", "time", "urllib.request"),
}
CONSTANTS = {"pathsep", "sep", "PathLike", "fspath"}
"""What a pure module may take from os."""
IMPURE_CALLS = {"open", "print", "input", "exec", "eval"}
HEAVY = {
    *("ctranslate2", "fastapi", "gguf", "grpc", "huggingface_hub", "numpy", "pydantic", "rich", "starlette"),
    *("accelerate", "datasets", "datasketch", "deepspeed", "detect_secrets", "matplotlib", "peft", "scipy"),
    *("torch", "transformers", "tritonclient", "uvicorn", "xllamacpp"),
}
"""Libraries that are only imported where they are needed, inside a function."""
ALLOWED_HEAVY = {
    "pilotfish.backend.proxy": {"fastapi", "starlette", "pydantic"},
    "pilotfish.backend.proxy.engines": {"numpy", "grpc", "tritonclient"},
    "pilotfish.backend.converter": {"numpy"},
    "pilotfish.backend.decoder": {"numpy", "ctranslate2"},
}
"""What these packages are made of; they are themselves imported only by the command that needs them."""
LONGEST = 400


def tree(module: str) -> ast.Module:
    return ast.parse(SOURCES[module].read_text("utf-8"), str(SOURCES[module]))


def imported(nodes: Iterator[ast.AST], module: str) -> set[str]:
    """Full names that are imported by some nodes; `from a import b` gives both a and a.b."""
    names: set[str] = set()
    package = module.split(".") if SOURCES[module].name == "__init__.py" else module.split(".")[:-1]
    for node in nodes:
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *(node.module or "").split(".")]).strip(".")
            names.update({origin, *(f"{origin}.{alias.name}" for alias in node.names)})
    return names


def at_import(module: str) -> Iterator[ast.AST]:
    """The nodes that run when a module is imported: not functions' bodies, nor what is for type checkers."""
    waiting: list[ast.AST] = [tree(module)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        yield node
        waiting.extend(ast.iter_child_nodes(node))


def within(name: str, packages: set[str] | tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


@pytest.mark.parametrize("module", SOURCES)
def test_the_two_programs_meet_on_the_wire_only(module: str) -> None:
    """Neither side imports the other, not even inside a function."""
    other = "pilotfish.backend" if module.startswith("pilotfish.lsp") else "pilotfish.lsp"
    assert not [name for name in imported(ast.walk(tree(module)), module) if within(name, (other,))]


def test_pure_modules_exist() -> None:
    """The list of pure modules names modules that are there."""
    assert [name for name in PURE if name not in SOURCES] == []


def says_pure(module: str) -> bool:
    """Whether a module's docstring promises it."""
    return re.search(r"\bPure[.:]", (ast.get_docstring(tree(module)) or "").partition("\n\n")[0]) is not None


@pytest.mark.parametrize("module", [name for name in SOURCES if within(name, PURE) or says_pure(name)])
def test_pure_modules_do_no_io_and_read_no_clock(module: str) -> None:
    """Time, text and chance come into the pure modules as arguments."""
    names = {name for name in imported(ast.walk(tree(module)), module) if within(name, IMPURE)}
    called = {ast.unparse(node.func) for node in ast.walk(tree(module)) if isinstance(node, ast.Call)}
    attributes = (node for node in ast.walk(tree(module)) if isinstance(node, ast.Attribute))
    if {node.attr for node in attributes if ast.unparse(node.value) == "os"} <= CONSTANTS:
        names.discard("os")
    assert not names | (called & IMPURE_CALLS)


@pytest.mark.parametrize("module", [name for name in SOURCES if not name.endswith(".__main__")])
def test_the_environment_is_read_by_main_alone(module: str) -> None:
    """Only __main__ knows the process's environment and arguments; others are handed what they need."""
    used = [ast.unparse(node) for node in ast.walk(tree(module)) if isinstance(node, ast.Attribute)]
    assert not {"os.environ", "os.environb", "os.getenv", "os.putenv", "sys.argv"}.intersection(used)
    assert not imported(ast.walk(tree(module)), module) & {"os.environ", "os.getenv", "sys.argv"}


@pytest.mark.parametrize("module", SOURCES)
def test_heavy_libraries_are_imported_where_they_are_needed(module: str) -> None:
    """Importing a module of ours imports no heavy library, but for those that its package is made of."""
    allowed = {
        name for package, names in ALLOWED_HEAVY.items() if within(module, (package,)) for name in names
    }
    assert not [name for name in imported(at_import(module), module) if within(name, HEAVY - allowed)]


def test_the_backends_command_line_is_light() -> None:
    """Reading the backend's arguments imports none of the heavy libraries, whatever the command."""
    program = (
        "import sys; from pilotfish.backend import __main__, arguments; arguments.build_parser();"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True)
    assert not HEAVY & set(done.stdout.split())


@pytest.mark.parametrize("module", [name for name in SOURCES if within(name, ("pilotfish.backend.proxy",))])
def test_routes_know_no_engine_in_particular(module: str) -> None:
    """Outside `engines`, the proxy knows the Engine Protocol and no implementation."""
    engines = "pilotfish.backend.proxy.engines"
    if within(module, (engines,)):
        return
    known = {name for name in imported(ast.walk(tree(module)), module) if within(name, (engines,))}
    assert not {name for name in known if not within(name, (f"{engines}.base",))} - {engines}


MODULES = [
    path
    for folder, pattern in (
        *((folder, "*.py") for folder in ("lsp", "backend", "bench", "demos", "scripts", "tests")),
        *(("editors/vscode/src", "*.ts"), ("editors/neovim", "*.lua"), ("editors/emacs", "*.el")),
    )
    for path in sorted((ROOT / folder).rglob(pattern))
]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_are_short(path: Path) -> None:
    """A module that needs more than 400 lines is two modules."""
    assert len(path.read_text("utf-8").splitlines()) <= LONGEST
