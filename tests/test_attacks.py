"""docs/attacks.md is true: every test it names is there, and every test of an attack is named."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "docs" / "attacks.md"
OURS = (
    *sorted((ROOT / "tests/sip/attacks").glob("test_*.py")),
    *sorted((ROOT / "tests/server").glob("test_*attacks.py")),
)
_NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def named() -> list[tuple[str, str]]:
    return _NAMED.findall(TABLE.read_text())


def functions_of(path: Path) -> set[str]:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {
        node.name
        for node in ast.parse(path.read_text()).body
        if isinstance(node, functions) and node.name.startswith("test_")
    }


def test_every_test_that_the_table_names_exists() -> None:
    missing = [f"{file}::{test}" for file, test in named() if test not in functions_of(ROOT / file)]
    assert missing == []


def test_every_test_of_an_attack_is_in_the_table() -> None:
    there = set(named())
    tests = {(str(path.relative_to(ROOT)), test) for path in OURS for test in functions_of(path)}
    assert tests - there == set()


def test_every_row_names_its_attack_what_becomes_of_it_and_a_test() -> None:
    rows = [line.strip("|").split("|") for line in TABLE.read_text().splitlines() if line.startswith("| ")]
    rows = [row for row in rows if row[0].strip() != "Attack"]
    assert len(rows) == len(named())
    assert all(len(row) == 3 and all(cell.strip() for cell in row) for row in rows)
