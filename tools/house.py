"""Draws the house as its imports draw it: rooms in their layers, arrows for who imports whom.

python -m tools.house              the rooms, their size, and what each imports, as a table
python -m tools.house --svg FILE   the same as a picture
python -m tools.house --check FILE exit status 1 when a layer is broken, or the picture no longer shows the code
"""

from __future__ import annotations

import argparse
import ast
import sys
import tomllib
from collections import defaultdict
from collections.abc import Collection
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "mediasrv"
BOX_W, BOX_H, GAP_X, GAP_Y, MARGIN = 150, 46, 36, 52, 30


def layers() -> list[list[str]]:
    """The layers from top to bottom, as the import contract in pyproject.toml states them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    rows = next(c["layers"] for c in contracts if c["type"] == "layers")
    rows = [[name.strip(" ()").removeprefix("mediasrv.") for name in row.split("|")] for row in rows]
    return [*rows, ["native"]]


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [node.module] if node.module != "mediasrv" else [f"mediasrv.{a.name}" for a in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "mediasrv" and len(parts) > 1:
                found.add(parts[1])
            elif parts[0] == "mediasrv_native":
                found.add("native")
    return found - {room_of(path), "__version__"}


def measure() -> tuple[dict[str, int], dict[str, set[str]]]:
    """Lines of each room, and the rooms it imports."""
    lines: dict[str, int] = defaultdict(int)
    arrows: dict[str, set[str]] = defaultdict(set)
    for path in sorted(PACKAGE.rglob("*.py")):
        if path == PACKAGE / "__init__.py":
            continue
        lines[room_of(path)] += path.read_text().count("\n")
        arrows[room_of(path)] |= imported_rooms(path)
    native = ROOT / "native"
    sources = [
        p for kind in ("*.c", "*.h", "*.pyx", "*.pxd") for p in native.rglob(kind) if "vendor" not in p.parts
    ]
    generated = {p.with_suffix(".c") for p in native.rglob("*.pyx")}
    lines["native"] = sum(p.read_text().count("\n") for p in sources if p not in generated)
    return dict(lines), dict(arrows)


def broken(arrows: dict[str, set[str]]) -> list[str]:
    """Arrows that go up or sideways."""
    level = {room: k for k, row in enumerate(layers()) for room in row}
    missing = sorted({room for room in arrows if room not in level})
    faults = [f"{room} stands in no layer" for room in missing]
    for room, targets in sorted(arrows.items()):
        faults += [
            f"{room} imports {target}"
            for target in sorted(targets)
            if room in level and target in level and level[target] <= level[room]
        ]
    return faults


def table(lines: dict[str, int], arrows: dict[str, set[str]]) -> str:
    rows = []
    for row in layers():
        for room in row:
            if room in lines:
                rows.append(f"{room:14}{lines[room]:7}  {' '.join(sorted(arrows.get(room, ()))) or '-'}")
        rows.append("")
    return f"{'room':14}{'lines':>7}  imports\n" + "\n".join(rows).rstrip()


def svg(arrows: dict[str, set[str]], rooms: Collection[str]) -> str:
    rows = [present for row in layers() if (present := [r for r in row if r in rooms])]
    width = max(len(row) for row in rows) * (BOX_W + GAP_X) - GAP_X + 2 * MARGIN
    height = len(rows) * (BOX_H + GAP_Y) - GAP_Y + 2 * MARGIN
    place: dict[str, tuple[float, float]] = {}
    for y, row in enumerate(rows):
        left = (width - len(row) * (BOX_W + GAP_X) + GAP_X) / 2
        for x, room in enumerate(row):
            place[room] = (left + x * (BOX_W + GAP_X), MARGIN + y * (BOX_H + GAP_Y))
    parts = [_head(width, height)]
    for room, targets in sorted(arrows.items()):
        parts += [_arrow(place[room], place[t]) for t in sorted(targets) if room in place and t in place]
    parts += [_box(room, *place[room]) for room in place]
    return "\n".join([*parts, "</svg>\n"])


def _head(width: float, height: float) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        'font-family="sans-serif" font-size="13">\n'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0L8 4L0 8z" fill="#557"/></marker></defs>\n'
        '<rect width="100%" height="100%" fill="#fff"/>'
    )


def _arrow(source: tuple[float, float], target: tuple[float, float]) -> str:
    x1, y1 = source[0] + BOX_W / 2, source[1] + BOX_H
    x2, y2 = target[0] + BOX_W / 2, target[1] - 2
    bend = (y2 - y1) / 2
    return (
        f'<path d="M{x1:.0f} {y1:.0f}C{x1:.0f} {y1 + bend:.0f} {x2:.0f} {y2 - bend:.0f} {x2:.0f} {y2:.0f}" '
        'fill="none" stroke="#557" stroke-opacity=".45" marker-end="url(#tip)"/>'
    )


def _box(room: str, x: float, y: float) -> str:
    middle = x + BOX_W / 2
    return (
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{BOX_W}" height="{BOX_H}" rx="6" fill="#eef2ff" stroke="#335"/>'
        f'<text x="{middle:.0f}" y="{y + 28:.0f}" text-anchor="middle" font-weight="bold">{escape(room)}</text>'
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--svg", type=Path)
    parser.add_argument("--check", type=Path)
    args = parser.parse_args()
    lines, arrows = measure()
    if args.svg:
        args.svg.write_text(svg(arrows, lines.keys()))
    if not args.check:
        print(table(lines, arrows))
        return 0
    faults = broken(arrows)
    if args.check.read_text() != svg(arrows, lines.keys()):
        faults.append(f"{args.check} is out of date: python -m tools.house --svg {args.check}")
    print("\n".join(faults) or "the house stands as drawn")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
