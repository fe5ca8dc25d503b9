"""The rooms and what may import what: the contracts in pyproject.toml notice imports that must not be.

And what the sources have once only.
"""

import ast
import copy
import itertools
import re
import subprocess
import sys

import grimp
import pytest
from importlinter.api import read_configuration
from importlinter.contracts.acyclic_siblings import AcyclicSiblingsContract
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.layers import LayersContract

from econml_cli.problems.table import PROBLEMS
from tests.support import ROOT

KINDS = {"layers": LayersContract, "forbidden": ForbiddenContract, "acyclic_siblings": AcyclicSiblingsContract}


@pytest.fixture(scope="module")
def contracts():
    read = read_configuration(str(ROOT / "pyproject.toml"))
    return [
        KINDS[options["type"]](options["name"], read["session_options"], options)
        for options in read["contracts_options"]
    ]


@pytest.fixture(scope="module")
def graph(contracts):
    found = grimp.build_graph("econml_cli", include_external_packages=True, exclude_type_checking_imports=True)
    assert broken(contracts, found) is None
    return found


def broken(contracts, graph):
    """The name of the first contract that is broken; None where all are kept."""
    checked = (contract for contract in contracts if not contract.check(copy.deepcopy(graph), verbose=False).kept)
    return next((contract.name for contract in checked), None)


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("econml_cli.evaluation.samples", "econml_cli.sweeps.run.engine"),
        ("econml_cli.training.fit", "econml_cli.evaluation.evaluate"),
        ("econml_cli.config.fit_config", "econml_cli.runs.directory"),
        ("econml_cli.storage.disk", "econml_cli.runs.directory"),
        ("econml_cli.models.mlp", "econml_cli.problems.base"),
        ("econml_cli.models.linear", "econml_cli.data.read"),
        ("econml_cli.inspection.state", "typer"),
        ("econml_cli.python.api", "econml_cli.commands.fit"),
        ("econml_cli.config.fit_config", "jax"),
        ("econml_cli.commands.fit", "jax"),
        ("econml_cli.training.fit", "orbax"),
        ("econml_cli.sweeps.run.engine", "wandb"),
        ("econml_cli.models.activations", "econml_cli.models.mlp"),  # which mlp imports
        ("econml_cli.training.setup.setup", "econml_cli.training.step.epoch"),
    ],
)
def test_an_import_that_must_not_be_breaks_a_contract(contracts, graph, importer, imported):
    planted = copy.deepcopy(graph)
    assert importer in planted.modules
    if imported not in planted.modules:
        planted.add_module(imported)
    planted.add_import(importer=importer, imported=imported)
    assert broken(contracts, planted)


def test_a_module_in_no_room_is_noticed(contracts, graph):
    planted = copy.deepcopy(graph)
    planted.add_module("econml_cli.helpers")
    assert broken(contracts, planted) == "Imports point down: from each room to those below it"


def test_the_picture_of_the_rooms_is_that_of_the_contracts():
    done = subprocess.run([sys.executable, "docs/draw_rooms.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def nodes():
    """The syntax of each file of the package, {path: nodes in the order of `ast.walk`}."""
    root = ROOT / "econml_cli"
    return {str(p.relative_to(root)): list(ast.walk(ast.parse(p.read_text()))) for p in sorted(root.rglob("*.py"))}


def strings(nodes):
    """The string constants of a file but for docstrings: what it can write."""
    told = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    found = (node for node in nodes if isinstance(node, ast.Constant) and id(node) not in told)
    return [node.value for node in found if isinstance(node.value, str)]


#: where files are written within a directory that takes its place as a whole, or that nobody sees: an export, a PDF
#: on its way, a data frame's copy, the answer of a process
APART = {"export/writers.py", "export/write.py", "report/pdf.py", "python/frames.py", "sweeps/remote/wandb_launch.py"}


def test_files_are_written_by_one_helper_that_leaves_the_old_or_the_new_one(nodes):
    found = set()
    for where, inside in nodes.items():
        for node in inside:
            writes = isinstance(node, ast.Attribute) and node.attr in ("write_text", "write_bytes")
            if writes and getattr(node.value, "id", None) != "disk":
                found.add(where)
    assert found == {"storage/disk.py", *APART}


#: what is read otherwise than by `disk.read_bytes`, which waits for no pipe and fills no memory: our own resources, the
#: answer of a process of ours, files of Python that the user has named and the list of them, what has been found to be
#: a regular file
READ_APART = {
    "export/assemble.py", "export/replay.py", "inspection/templates/__init__.py", "options/own_code.py",
    "options/remembered.py", "replication/archive.py", "replication/exhibits.py", "replication/package.py",
    "replication/studies.py", "report/page.py", "report/pdf.py", "storage/ocdbt.py", "sweeps/remote/wandb_launch.py",
    "sweeps/show/page.py", "training/compilation_cache.py", "training/setup/setup.py",
}  # fmt: skip


def test_small_files_are_read_by_one_helper_that_waits_for_nothing(nodes):
    found = set()
    for where, inside in nodes.items():
        for node in inside:
            reads = isinstance(node, ast.Attribute) and node.attr in ("read_text", "read_bytes")
            if reads and getattr(node.value, "id", None) not in ("disk", "limited_yaml"):
                found.add(where)
    assert {name for name in found if not re.search("templates/(numpy|torch|compare)", name)} == READ_APART


def test_yaml_is_read_by_one_reader():
    found = {
        str(path.relative_to(ROOT / "econml_cli"))
        for path in (ROOT / "econml_cli").rglob("*.py")
        if re.search(
            r"\byaml\.(safe_load|load|full_load|unsafe_load|SafeLoader|Loader|compose|parse)\b", path.read_text()
        )
    }
    assert found == {"storage/limited_yaml.py"}


#: what only an escaper writes: of LaTeX, of Markdown, of HTML
ESCAPED = ("textbackslash", "\\&", "\\%", "\\_"), ("\\|", "\\`"), ("&lt;", "&gt;", "&amp;", "&quot;", "&#")


def test_latex_markdown_and_html_have_one_escaper_each(nodes):
    """Functions named so, characters that are escaped by hand, and libraries that escape."""
    defined, by_hand, by_library = [], [set() for _ in ESCAPED], set()
    for where, inside in nodes.items():
        for node in inside:
            if isinstance(node, ast.FunctionDef) and "escape" in node.name:
                defined.append(f"{where}: {node.name}")
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            if not {"html", "xml.sax.saxutils", "markupsafe"}.isdisjoint(names):
                by_library.add(where)
        texts = strings(inside)
        for found, signs in zip(by_hand, ESCAPED, strict=True):
            if any(sign in text for text in texts for sign in signs):
                found.add(where)
    tables = "output/tables.py"
    assert sorted(defined) == ["output/html.py: escape", f"{tables}: escape_latex", f"{tables}: escape_markdown"]
    assert by_hand == [{tables}, {tables}, set()] and by_library == {"output/html.py"}


@pytest.mark.parametrize(
    ("former", "name", "now"),
    [
        ("econml_cli.problems.economics", "verdicts", "econml_cli.problems.economies.economics"),
        ("econml_cli.problems.simulation", "simulate", "econml_cli.problems.economies.simulation"),
        ("econml_cli.training.folds", "fit_folds", "econml_cli.training.cross_validate"),
        ("econml_cli.trust", "FitWarning", "econml_cli.runs.health"),
    ],
)
def test_what_a_file_of_a_user_imports_by_a_name_of_0_1_is_found(former, name, now):
    sys.modules.pop(former, None)
    with pytest.warns(DeprecationWarning, match=f"{former} is now "):
        namespace = {}
        exec(f"from {former} import {name} as found\nfrom {now} import {name} as there", namespace)
    assert namespace["found"] is namespace["there"]


def test_what_the_documentation_of_0_1_imported_from_packages_is_there():
    from econml_cli.config import build
    from econml_cli.runs import Run, find

    assert build("mlp", "linear", []).model == "mlp" and Run and find


def test_mypy_compares_every_problem_with_its_protocol():
    """`tests/support/conforming.py` is where it does so."""
    from tests.support import conforming

    economies = {row.target for row in PROBLEMS.values() if ".economies." in row.target}
    others = {row.target for row in PROBLEMS.values()} - economies
    assert {f"{cls.__module__}:{cls.__name__}" for cls in conforming.ECONOMIES} == economies
    assert {f"{cls.__module__}:{cls.__name__}" for cls in conforming.PROBLEMS} == others


#: words that stand for an object of the program, and packages of others, where they are also the name of a file or room
OBJECTS = {"econml_cli", "jax", "matplotlib", "run", "wandb"}


def test_what_a_docstring_or_a_comment_refers_to_is_there():
    """`fit_config.build`: the file, or the room, has something of that name."""
    files = {path: path.read_text() for path in sorted((ROOT / "econml_cli").rglob("*.py"))}
    there: dict[str, set[str]] = {}
    for path, text in files.items():
        file = path.parent if path.stem == "__init__" else path.with_suffix("")
        there.setdefault(file.name, set()).update(re.findall(r"\b[A-Za-z_]\w*", re.sub(r"`[^`\n]*`", "", text)))
        there.setdefault(file.parent.name, set()).add(file.name)
    gone = [
        f"{path.relative_to(ROOT)}: {name}.{part}"
        for path, text in files.items()
        for first, rest in re.findall(r"`([a-z_]+)((?:\.[A-Za-z_]+)+)(?:\([^`\n]*\))?`", text)
        for name, part in itertools.pairwise([first, *rest[1:].split(".")])
        if first not in OBJECTS
        and name in there
        and part not in {*there[name], "py", "json", "jsonl", "yaml", "md", "sh"}
    ]
    assert gone == []


def test_every_python_that_is_started_finds_no_modules_in_the_working_directory(nodes):
    found = 0
    for where, inside in nodes.items():
        for node in inside:
            if isinstance(node, ast.List) and node.elts and ast.unparse(node.elts[0]) == "sys.executable":
                assert len(node.elts) > 1 and ast.unparse(node.elts[1]) == "'-P'", f"{where}:{node.lineno}"
                found += 1
    assert found >= 5


PLANTED = """
import pickle
import subprocess
import tempfile

import yaml


def planted(x):
    eval(x)
    pickle.loads(x)
    yaml.load(x)
    subprocess.run(x, shell=True)
    return tempfile.mktemp()
"""


def test_rules_of_security_are_checked_and_each_exception_says_why(tmp_path):
    line = [sys.executable, "-m", "ruff", "check", "--config", str(ROOT / "pyproject.toml"), "--no-cache",
            "--output-format", "concise", "--stdin-filename", str(ROOT / "econml_cli" / "planted.py"), "-"]  # fmt: skip
    said = subprocess.run(line, input=PLANTED, capture_output=True, text=True, timeout=60).stdout
    assert {"S307", "S301", "S506", "S602", "S306"} <= set(re.findall(r"\bS\d+\b", said))
    for path in sorted((ROOT / "econml_cli").rglob("*.py")):
        for number, text in enumerate(path.read_text().splitlines(), start=1):
            if re.search(r"# noqa: (?:[A-Z]+\d+, ?)*S\d", text):
                assert re.search(r"S\d+ - \w", text), f"{path}:{number} does not say why"
    run = (ROOT / ".ci" / "run").read_text()
    assert "uv run ruff check\n" in run and "pip-audit" in run
