"""The templates that a model needs, put together as one readable `model.py`."""

import ast
import sys
from collections.abc import Sequence
from pathlib import Path

TEMPLATES = Path(__file__).parent / "templates"
_OURS = "econml_cli.export.templates."


def model_source(framework: str, templates: Sequence[str], classes: Sequence[str], title: str) -> str:
    """The text of model.py.

    Args:
        framework: "torch" or "numpy". templates: names of the modules wanted (mlp, deep_set); what they import of each
            other comes along. classes: the names that model.json may use. title: the docstring.
    """
    imports: dict[str, None] = {}
    bodies: dict[str, str] = {}
    for name in (*templates, "predict"):
        _add(f"{framework}_{name}", imports, bodies)
    lines = sorted(imports, key=lambda line: (not line.startswith("import "), line))
    standard = [line for line in lines if line.split()[1].partition(".")[0] in sys.stdlib_module_names]
    others = [line for line in lines if line not in standard]
    head = "\n\n".join("\n".join(group) for group in (standard, others) if group)
    registered = f"MODULES |= {{cls.__name__: cls for cls in ({', '.join(classes)},)}}\n" if classes else ""
    return "\n\n\n".join([f"{_docstring(title)}\n\n{head}", *bodies.values()]) + "\n\n\n" + registered


def _docstring(title: str) -> str:
    """A string literal that holds just the title, which has the names of a user's directories in it."""
    plain = title.isprintable() and not {'"', "\\"} & set(title)
    return f'"""{title}"""' if plain else repr(title)


def _add(name: str, imports: dict[str, None], bodies: dict[str, str]) -> None:
    """Add a template, after those that it imports from."""
    if name in bodies:
        return
    text = (TEMPLATES / f"{name}.py").read_text(encoding="utf-8")
    lines = text.splitlines()
    for node in ast.parse(text).body:
        is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not is_docstring and not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        assert node.end_lineno is not None
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith(_OURS):
            _add(str(node.module).removeprefix(_OURS), imports, bodies)
        elif not is_docstring:
            imports[ast.unparse(node)] = None
        lines[node.lineno - 1 : node.end_lineno] = [""] * (node.end_lineno - node.lineno + 1)
    bodies[name] = "\n".join(lines).strip("\n")
