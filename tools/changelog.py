"""Gathers the fragments of docs/changes into CHANGELOG.md under a version and deletes them.

python -m tools.changelog VERSION [DATE]
"""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KINDS = ("added", "changed", "fixed", "removed")
VERSION = re.compile(r"\d+\.\d+\.\d+")
MARK = "<!-- releases follow, newest first -->\n"


def gather(folder: Path) -> dict[str, list[Path]]:
    """The fragments by kind; a file that is neither a fragment nor the README is an error."""
    found: dict[str, list[Path]] = {kind: [] for kind in KINDS}
    for path in sorted(folder.glob("*.md")):
        if path.name == "README.md":
            continue
        kind = path.name.split(".")[-2]
        if kind not in found:
            raise SystemExit(f"{path}: the kind must be one of {', '.join(KINDS)}")
        found[kind].append(path)
    return found


def section(version: str, date: str, fragments: dict[str, list[Path]]) -> str:
    parts = [f"\n## {version} ({date})\n"]
    for kind, paths in fragments.items():
        if paths:
            lines = ["* " + " ".join(path.read_text().split()) + "\n" for path in paths]
            parts += [f"\n### {kind.capitalize()}\n\n", *lines]
    return "".join(parts)


def main(arguments: list[str]) -> None:
    if not arguments or not VERSION.fullmatch(arguments[0]):  # fragments are deleted: `--help` is no release
        raise SystemExit(__doc__)
    date = arguments[1] if len(arguments) > 1 else datetime.now(UTC).date().isoformat()
    fragments = gather(ROOT / "docs/changes")
    log = ROOT / "CHANGELOG.md"
    before, after = log.read_text().split(MARK)
    log.write_text(before + MARK + section(arguments[0], date, fragments) + after)
    for path in (path for paths in fragments.values() for path in paths):
        path.unlink()


if __name__ == "__main__":
    main(sys.argv[1:])
