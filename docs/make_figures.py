"""Make the figures and the measured tables of the docs.

`python docs/make_figures.py` makes all, `--only NAME` one (several times: several). What is plotted is kept beside the
figure, in the folder `figures` beside its page, NAME.json; `--draw` draws from it again without fitting anything.
`--check` computes what takes seconds again, compares, and fails where a number is another one.
"""

import argparse
import json
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from figures import markers

from econml_cli.storage import disk
from econml_cli.training import compilation_cache

DOCS = Path(__file__).parent
FIGURES = (
    *("linear", "polynomial", "mlp", "resnet", "deep_set", "autoencoder", "random_features", "kernel"),
    *("composition", "comparison"),
    *("brock_mirman", "asset_pricing", "asset_pricing_kernel", "growth", "growth_policy"),
    *("growth_kernel", "investment"),
    *("cake_eating", "olg", "stochastic_growth", "buffer_stock", "irbc", "aiyagari", "krusell_smith"),
)
#: by how much a number may differ, relative to the largest of its list: processors round float32 in their own ways
TOLERANCE = 0.02


def differences(kept: Any, found: Any, where: str) -> list[str]:
    """What differs between two JSON values by more than rounding, one line each."""
    if isinstance(kept, dict) and isinstance(found, dict):
        if kept.keys() != found.keys():
            return [f"{where}: {', '.join(kept)} against {', '.join(found)}"]
        return [line for key in kept for line in differences(kept[key], found[key], f"{where}.{key}")]
    if isinstance(kept, list) and isinstance(found, list):
        if len(kept) != len(found):
            return [f"{where}: {len(kept)} against {len(found)} values"]
        if not all(isinstance(value, int | float) for value in kept):
            pairs = zip(kept, found, strict=True)
            return [line for i, (a, b) in enumerate(pairs) for line in differences(a, b, f"{where}[{i}]")]
        size = max((abs(value) for value in kept), default=0.0)
        apart = max((abs(a - b) for a, b in zip(kept, found, strict=True)), default=0.0)
        return [f"{where}: apart by {apart:g}, with values up to {size:g}"] if apart > TOLERANCE * size else []
    if isinstance(kept, int | float) and isinstance(found, int | float):
        return differences([kept], [found], where)
    return [] if kept == found else [f"{where}: {kept} against {found}"]


def kept(name: str) -> Path:
    """Where the numbers of a figure are kept: of what compares models, with the models."""
    folder = Path(getattr(import_module(f"figures.{name}"), "PAGE", "")).parent
    return DOCS / (folder if folder.name else "models") / "figures" / f"{name}.json"


def make(name: str, *, fitting: bool = True) -> None:
    """Compute the numbers of one figure (or read those kept), and draw it or write its table into its page."""
    module, file = import_module(f"figures.{name}"), kept(name)
    file.parent.mkdir(exist_ok=True)
    if fitting:
        disk.write_text(file, _written(module.numbers()))
    numbers = json.loads(file.read_text(encoding="utf-8"))
    if hasattr(module, "draw"):
        from figures import style

        style.save(style.drawn(module.draw, numbers), file.with_suffix(".png"))
    if hasattr(module, "table"):
        markers.put_in(DOCS / module.PAGE, "table", name, module.table(numbers))


def check(name: str) -> list[str]:
    """What differs between the numbers of one figure and those kept."""
    module = import_module(f"figures.{name}")
    before = json.loads(kept(name).read_text(encoding="utf-8"))
    found = json.loads(_written(module.numbers()))
    comparable = getattr(module, "comparable", lambda numbers: numbers)
    return differences(comparable(before), comparable(found), name)


def _written(numbers: dict[str, Any]) -> str:
    """One line for each top-level number or list, so that a diff can be read."""
    lines = [f"  {json.dumps(key)}: {json.dumps(disk.finite(value))}" for key, value in numbers.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main() -> None:
    """Make, draw or check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="NAME", action="append", choices=FIGURES, help=", ".join(FIGURES))
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--draw", action="store_true", help="draw from the numbers kept")
    how.add_argument("--check", action="store_true", help="compare the quick ones with the numbers kept")
    options = parser.parse_args()
    compilation_cache.enable()
    wrong: list[str] = []
    for name in options.only or FIGURES:
        start = time.perf_counter()
        if options.check and not options.only and not import_module(f"figures.{name}").QUICK:
            continue
        if options.check:
            wrong += check(name)
        else:
            make(name, fitting=not options.draw)
        print(f"{name}: {time.perf_counter() - start:.1f} s", file=sys.stderr)
    if wrong:
        sys.exit("\n".join([*wrong, "Where the new numbers are right: `uv run python docs/make_figures.py`."]))


if __name__ == "__main__":
    main()
