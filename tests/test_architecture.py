"""The house keeps its shape: sizes, names, imports, and a face for every native module."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

from tools import house

ROOT = Path(__file__).resolve().parent.parent
MAX_FILE_LINES = 700
MAX_FUNCTION_LINES = 58
MAX_ROOM_FILES = 16

# Each exception is named here with its reason, or it is a fault.
LONG_FILES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {}
INNER_IMPORTS: dict[str, str] = {}
FORBIDDEN_NAMES = re.compile(r"(^|_)(utils?|helpers?|common|manager|misc|base2)$")


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\n")  # fmt: skip
    return [ROOT / name for name in listed if name and (ROOT / name).is_file()]


def sources(*suffixes: str) -> list[Path]:
    """Our own: what stands under native/vendor is somebody else's, unmodified."""
    return [path for path in tracked() if path.suffix in suffixes and "vendor" not in path.parts]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_no_file_is_longer_than_the_ceiling() -> None:
    long = {
        name(p): n
        for p in sources(".py", ".pyx", ".pxd", ".pyi", ".c", ".h")
        if (n := p.read_text().count("\n")) > MAX_FILE_LINES
    }
    assert {k: v for k, v in long.items() if k not in LONG_FILES} == {}


def test_no_function_is_longer_than_the_ceiling() -> None:
    long = {}
    for path in sources(".py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > MAX_FUNCTION_LINES:
                    long[f"{name(path)}:{node.name}"] = lines
    assert {k: v for k, v in long.items() if k not in LONG_FUNCTIONS} == {}


def test_imports_stand_at_the_top() -> None:
    inner = set()
    for path in sources(".py"):
        if not name(path).startswith("mediasrv/"):
            continue
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                for node in ast.walk(function):
                    if isinstance(node, ast.Import | ast.ImportFrom):
                        inner.add(name(path))
    assert inner - INNER_IMPORTS.keys() == set()


def test_layers_hold_and_no_two_rooms_import_each_other() -> None:
    _, arrows = house.measure()
    assert house.broken(arrows) == []


def test_every_native_module_has_a_typed_face() -> None:
    modules = {p.stem for p in (ROOT / "native/mediasrv_native").glob("*.pyx")}
    faces = {p.stem for p in (ROOT / "native/mediasrv_native").glob("*.pyi")}
    assert modules == faces


# What each room of native/c may include, besides itself and the units that all share (ms_types.h).
NATIVE_ROOMS = {
    "kernels": set[str](),
    "rtp": set[str](),
    "core": {"kernels", "rtp"},
    "rings": set[str](),
    "recorder": {"rings"},
    "engine": {"core", "kernels", "recorder", "rings", "rtp"},
    "instrument": set[str](),  # what measures shares no code with what it measures
}


def test_native_rooms_include_only_what_stands_below_them() -> None:
    room_of = {path.name: path.parent.name for path in (ROOT / "native/c").glob("*/*.h")}
    assert {path.parent.name for path in (ROOT / "native/c").glob("*/*.c")} == NATIVE_ROOMS.keys()
    wrong = {
        f"{name(path)} includes {header}"
        for path in (ROOT / "native/c").glob("*/*.[ch]")
        for header in re.findall(r'#include "(\w+\.h)"', path.read_text())
        if (target := room_of.get(header, ""))
        and target not in NATIVE_ROOMS[path.parent.name] | {path.parent.name}
    }
    assert wrong == set()


ROOMS = sorted(str(p.parent.relative_to(ROOT)) for p in (ROOT / "mediasrv").rglob("__init__.py"))


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_is_small_and_says_what_it_is_for(room: str) -> None:
    folder = ROOT / room
    assert len(list(folder.glob("*.py"))) <= MAX_ROOM_FILES
    assert ast.get_docstring(ast.parse((folder / "__init__.py").read_text()))


def test_names_say_what_a_file_is() -> None:
    assert [name(p) for p in tracked() if FORBIDDEN_NAMES.search(p.stem)] == []


def test_nothing_is_left_for_later_in_the_code() -> None:
    marks = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|raise NotImplementedError")
    found = [
        f"{name(p)}:{k}"
        for p in sources(".py", ".pyx", ".pxd", ".c", ".h")
        if p != Path(__file__)
        for k, line in enumerate(p.read_text().split("\n"), 1)
        if marks.search(line)
    ]
    assert found == []


def walks() -> list[tuple[str, str]]:
    """The steps that docs/architecture.md names, as `file:name`."""
    text = (ROOT / "docs/architecture.md").read_text()
    return re.findall(r"`((?:mediasrv|native)/[\w/.]+):(\w+)`", text)


def test_every_step_of_the_two_walks_exists() -> None:
    steps = walks()
    assert len(steps) >= 20
    missing = [
        f"{path}:{step}"
        for path, step in steps
        if not (ROOT / path).is_file() or not re.search(rf"\b{step}\b", (ROOT / path).read_text())
    ]
    assert missing == []
