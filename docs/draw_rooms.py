"""The picture of the rooms in architecture.md, drawn from the contracts that import-linter checks.

    uv run python docs/draw_rooms.py            write docs/figures/rooms.svg
    uv run python docs/draw_rooms.py --check    exit 1 where it is not what would be written (CI)

The order is that of the layers in pyproject.toml; what a room is for is the first sentence of its docstring; rooms that
may not import JAX, as another contract says, are light.
"""

import argparse
import ast
import html
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "figures" / "rooms.svg"
WIDTH, HEIGHT, GAP, LEFT = 880, 26, 4, 132
LIGHT, HEAVY, INK = "#eef3f8", "#c9dbec", "#1f2d3a"


def contracts() -> list[dict[str, object]]:
    """The contracts of import-linter, as pyproject.toml has them."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        found: list[dict[str, object]] = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    return found


def purpose(room: str) -> str:
    """The first sentence of a room's docstring."""
    path = ROOT / "econml_cli" / room / "__init__.py"
    path = path if path.exists() else path.parent.with_suffix(".py")
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split())


def picture() -> str:
    """The rooms, highest first, as SVG."""
    layers = next(contract for contract in contracts() if contract["type"] == "layers")["layers"]
    forbidden = next(contract for contract in contracts() if "jax" in contract.get("forbidden_modules", ()))  # type: ignore[operator]
    light = {str(module).removeprefix("econml_cli.") for module in forbidden["source_modules"]}  # type: ignore[attr-defined]
    rows = []
    for i, room in enumerate(layers):  # type: ignore[arg-type, var-annotated]
        y, colour = GAP + i * (HEIGHT + GAP), LIGHT if room in light else HEAVY
        rows.append(
            f'<rect x="1" y="{y}" width="{WIDTH - 2}" height="{HEIGHT}" rx="4" fill="{colour}"/>'
            f'<text x="12" y="{y + 17}" font-weight="bold">{html.escape(room)}</text>'
            f'<text x="{LEFT}" y="{y + 17}">{html.escape(shortened(purpose(room)))}</text>'
        )
    height = GAP + len(rows) * (HEIGHT + GAP)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" aria-label="The rooms of econml_cli, highest first" font-family="Helvetica, Arial, sans-serif" '
        f'font-size="12.5" fill="{INK}">\n' + "\n".join(rows) + "\n</svg>\n"
    )


def shortened(text: str, most: int = 118) -> str:
    """The text up to a length at which it fits beside the name."""
    return text if len(text) <= most else text[:most].rsplit(" ", 1)[0].rstrip(",;:") + " ..."


def main() -> None:
    """Write the picture, or check it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    if parser.parse_args().check:
        if not PICTURE.exists() or PICTURE.read_text(encoding="utf-8") != picture():
            sys.exit(f"{PICTURE.relative_to(ROOT)} is not up to date: uv run python docs/draw_rooms.py")
        return
    PICTURE.write_text(picture(), encoding="utf-8")


if __name__ == "__main__":
    main()
