"""What the product imports is what its own files install: a module that only one machine happens to have fails here."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

from tests.test_architecture import ROOT, sources

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
OURS = {"mediasrv", "mediasrv_native", "tests", "tools", "setup"}


def canonical(requirement: str) -> str:
    """The distribution's name in a requirement, as PyPI spells it."""
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match, requirement
    return re.sub(r"[-_.]+", "-", match.group()).lower()


def declared(*lists: list[str]) -> set[str]:
    return {canonical(requirement) for requirements in lists for requirement in requirements}


def imported(path: Path) -> set[str]:
    """The top names of all that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - OURS


def spelled_like(name: str, allowed: set[str]) -> bool:
    """For what is not installed here: the wheels of `webrtcvad` are called webrtcvad-wheels."""
    return any(distribution.startswith(canonical(name)) for distribution in allowed)


def undeclared(folder: str, allowed: set[str]) -> dict[str, set[str]]:
    """What the files of a folder import that no allowed distribution brings."""
    brings = packages_distributions()
    found: dict[str, set[str]] = {}
    for path in sources(".py"):
        if path.relative_to(ROOT).parts[0] != folder:
            continue
        for name in imported(path):
            known = {canonical(distribution) for distribution in brings.get(name, [])}
            if not known & allowed and not (name not in brings and spelled_like(name, allowed)):
                found.setdefault(name, set()).add(str(path.relative_to(ROOT)))
    return found


def test_the_server_imports_what_it_declares() -> None:
    allowed = declared(PROJECT["dependencies"], *EXTRAS.values())
    assert undeclared("mediasrv", allowed) == {}


def test_its_tests_and_tools_import_what_they_declare() -> None:
    allowed = declared(PROJECT["dependencies"], *EXTRAS.values())
    for folder in ("tests", "tools"):
        assert undeclared(folder, allowed) == {}


def test_what_always_runs_needs_no_extra() -> None:
    """`make test` installs `local` and `test`; what only measuring or linting needs is asked for where it is used."""
    always = declared(PROJECT["dependencies"], EXTRAS["local"], EXTRAS["test"])
    rare = undeclared("mediasrv", always)
    assert all(where.startswith("mediasrv/bench/") for files in rare.values() for where in files), rare


def test_every_dependency_has_its_reason() -> None:
    reasons = (ROOT / "docs" / "dependencies.md").read_text().lower()
    missing = {name for name in declared(PROJECT["dependencies"], *EXTRAS.values()) if name not in reasons}
    assert missing == set()
