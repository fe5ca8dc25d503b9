"""Models and problems in files of the user's own: options, runs that find their file again, trust, what goes wrong."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from econml_cli.errors import ConfigError
from econml_cli.inspection.templates import template
from econml_cli.options import own_code, remembered, signature
from econml_cli.options.fields import options_of
from econml_cli.problems.economies import verdicts
from econml_cli.runs.directory import Run

SMALL = ("--N", 40, "--N-test", 20, "--N-val", 20, "--num-epochs", 2)
NARROW = ("--width", 4, "--depth", 1, "--num-epochs", 1)
HEAD = """
from typing import Annotated, Literal
import jax, jax.numpy as jnp
from flax import nnx
from econml_cli.problems.base import Batch
"""
NET = """
class MyNet(nnx.Module):
    '''A net of my own.'''
    def __init__(self, din, dout, *, my_width: Annotated[int, "units of mine"] = 4,
                 act: Literal["tanh", "relu"] = "tanh", slope: float = 1, label: str = "a", skip: bool = False,
                 widths: tuple[int, ...] = (3, 2), cap: float | None = None, fixed=7, rngs):
        self.a = nnx.Linear(din, my_width, rngs=rngs)
        self.b = nnx.Linear(my_width, dout, rngs=rngs)
        assert fixed == 7
    def __call__(self, x):
        return self.b(jnp.tanh(self.a(x)))
"""
EULER = """
class MyEuler:
    '''A residual of my own.'''
    simulated, task, din, dout, loss_scale = True, None, 1, 1, 1.0
    def __init__(self, *, rate: float = 0.5, N: int = 20, rngs):
        self.rate, self.N = rate, N
    def sample(self, rngs, split, n=None):
        return Batch(jax.random.uniform(rngs(), (n or self.N, 1)), None)
    def loss(self, model, batch):
        return jnp.square(model(batch.x) - self.rate * model(batch.x + 1) - 1)[:, 0]
    def predict(self, model, x):
        return model(x)
    def observed(self, batch):
        return None
    def verdicts(self, model, batch):
        return {"error": float(jnp.mean(jnp.abs(model(batch.x) * (1 - self.rate) - 1)))}
    def describe(self):
        return {"features": ["t"]}
"""


def write(name="mymodel.py", text=NET):
    Path(name).write_text(HEAD + text)
    return f"./{name}:MyNet"


@pytest.fixture
def fitted(econml):
    """A run of an own model: the function fits it."""

    def fit(*more, name="mymodel.py", out="r"):
        ran = econml("fit", write(name), *SMALL, "--out", out, *more)
        assert ran.code == 0, ran.stderr
        return Run(Path(out))

    return fit


@pytest.fixture
def become_another_user(tmp_path, monkeypatch):
    """From now on nothing has been named."""

    def become():
        monkeypatch.setenv("HOME", str(tmp_path / "another"))
        monkeypatch.delenv(own_code.VARIABLE, raising=False)

    return become


def says(ran, code, *words):
    """One sentence on stderr with these words, and no trace."""
    assert ran.code == code, ran
    assert ran.stderr.count("\n") == 1 and "Traceback" not in ran.stderr, ran.stderr
    for word in words:
        assert word in ran.stderr, (word, ran.stderr)


# ---------------------------------------------------------------- options


def test_annotated_arguments_become_options(econml):
    ran = econml("inspect", "models", write(), "--json")
    (entry,) = json.loads(ran.stdout)
    options = {option["name"]: option for option in entry["options"]}
    kinds = {name: (option["type"], option["default"]) for name, option in options.items()}
    assert kinds == {
        "my_width": ("int", 4),
        "act": ("choice", "tanh"),
        "slope": ("float", 1.0),
        "label": ("str", "a"),
        "skip": ("bool", False),
        "widths": ("int list", [3, 2]),
        "cap": ("float", None),
    }
    assert options["my_width"]["help"] == "units of mine" and options["act"]["choices"] == ["tanh", "relu"]
    assert entry["help"] == "A net of my own"


def test_the_help_of_an_own_model_has_its_options_and_those_of_the_problem(econml):
    ran = econml("fit", write(), "--help")
    assert ran.code == 0
    for word in ("MyNet", "--my-width", "units of mine [4]", "--skip", "--no-skip", "--widths", "--sigma", "--lr"):
        assert word in ran.stdout


def test_values_are_read_as_their_annotations_say_in_both_spellings(econml):
    options = ["--my-width=6", "--widths=5,4,3", "--cap=1e-2", "--slope=2", "--act=relu", "--skip"]
    typed = econml("fit", write(), *options, "--print-config")
    assert econml("fit", write(), "--my_width", 6, *options[1:], "--print-config").stdout == typed.stdout
    for line in ("my_width: 6", "- 5\n- 4\n- 3", "cap: 0.01", "slope: 2.0", "act: relu", "skip: true"):
        assert line in typed.stdout
    says(econml("fit", write(), "--my-width", "many"), 2, "--my-width must be an integer", "'many'")
    says(econml("fit", write(), "--act", "gelu"), 2, "tanh, relu", "'gelu'")
    says(econml("fit", write(), "--my-widht", 3), 2, "There is no option --my-widht", "'--my-width'")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("width: int", ["'width'", "no default", "din, dout"]),
        ("width", ["'width'", "no default"]),
        ("sizes: list = ()", ["'sizes'", "no flag can be", "tuple[int, ...]"]),
        ("sizes: list[int] = ()", ["'sizes'", "no flag can be"]),
        ("x: int | str = 1", ["'x'", "no flag can be"]),
        ("width: int = 2.5", ["'width'", "default", "an integer", "2.5"]),
        ("act: Literal['a', 'b'] = 'c'", ["'act'", "default", "a, b"]),
        ("width: Nothing = 1", ["annotations of MyNet", "Nothing"]),
        ("lr: float = 1.0", ["two options --lr", "'Training'", "'Model: ./mymodel.py:MyNet'", "rename"]),
        ("sigma: float = 1.0", ["two options --sigma", "'Problem: linear'"]),
        ("out: str = 'x'", ["two options --out", "'Run'"]),
    ],
)
def test_an_argument_that_can_be_no_option_is_refused_in_one_sentence(econml, arguments, words):
    write(text=f"class MyNet(nnx.Module):\n    def __init__(self, din, dout, *, {arguments}, rngs): ...\n"
               "    def __call__(self, x): ...\n")  # fmt: skip
    text = Path("mymodel.py").read_text()
    Path("mymodel.py").write_text("from __future__ import annotations\n" + text if "Nothing" in arguments else text)
    says(econml("fit", "./mymodel.py:MyNet"), 2, *words)


def test_defaults_are_read_as_values_are():
    class Mine:
        def __init__(self, rate: float = 1, sizes: tuple[int, ...] = [3], n: int | None = None, more=()): ...

    declared = signature.options_from(Mine, ())
    assert [(opt.name, opt.default) for opt in options_of(declared)] == [("rate", 1.0), ("sizes", (3,)), ("n", None)]
    assert isinstance(declared().rate, float)


# ---------------------------------------------------------------- a run and its file


@pytest.mark.slow
def test_a_fit_keeps_the_file_with_its_hash_and_everything_reads_the_run(econml, fitted):
    run = fitted("--my-width", 5)
    origin = run.manifest()["own_code"]["model"]
    assert origin == {
        "reference": "./mymodel.py:MyNet",
        "path": str(Path("mymodel.py").absolute()),
        "sha256": own_code.sha256("mymodel.py"),
    }
    assert (run.path / "source/mymodel.py").read_text() == Path("mymodel.py").read_text()
    assert not Path("__pycache__").exists()
    for command in (["eval", "r"], ["predict", "r", "--out", "-"], ["inspect", "checkpoint", "r"]):
        assert econml(*command).code == 0
    assert run.config().model_options.my_width == 5
    assert econml("fit", write(), *SMALL).stdout.splitlines()[-3].split()[1].startswith("runs/MyNet-linear-")


@pytest.mark.slow
def test_a_config_file_repeats_the_fit(econml, fitted):
    run = fitted("--my-width", 5, "--widths", "9", "--seed", 3)
    assert econml("fit", "--config", "r/config.yaml", "--out", "again").code == 0
    assert Run(Path("again")).summary()["state_sha256"] == run.summary()["state_sha256"]
    assert Path("again/config.yaml").read_text() == Path("r/config.yaml").read_text()


@pytest.mark.slow
def test_a_resumed_fit_of_an_own_model_is_the_same_bit_for_bit(econml, fitted, monkeypatch):
    whole = fitted("--num-epochs", 5, out="whole")
    run = fitted("--num-epochs", 2)
    monkeypatch.chdir("..")  # found by its absolute path
    assert econml("fit", "--resume", "work/r", "--num-epochs", 5).code == 0
    assert Run(Path("work/r")).summary()["state_sha256"] == Run(Path("work/whole")).summary()["state_sha256"]
    assert run.name == whole.name.replace("whole", "r")


@pytest.mark.slow
def test_float64_reaches_a_module_that_does_not_know_of_it(fitted, econml):
    fitted("--precision", "float64")
    leaves = json.loads(econml("inspect", "checkpoint", "r", "--view", "state", "--json").stdout)
    text = json.dumps(leaves)
    assert "float64" in text and "float32" not in text


def test_a_run_is_read_from_elsewhere_and_after_its_directory_has_moved(econml, fitted, monkeypatch):
    fitted()
    Path("far").mkdir()
    shutil.move("r", "far/moved")
    monkeypatch.chdir("far")
    ran = econml("eval", "moved", "--json")
    assert ran.code == 0 and json.loads(ran.stdout)["model"].endswith("work/mymodel.py:MyNet")


def test_a_file_that_has_moved_or_changed_is_named_with_the_runs_own_copy(econml, fitted):
    fitted()
    Path("mymodel.py").rename("elsewhere.py")
    says(econml("eval", "r"), 1, "work/mymodel.py is no longer there", "--source r/source/mymodel.py")
    assert econml("eval", "r", "--source", "r/source/mymodel.py").code == 0
    assert econml("--source=elsewhere.py", "eval", "r").code == 0
    del os.environ[own_code.VARIABLE]
    write(text=NET.replace("tanh(self", "sin(self"))
    for command in (["eval", "r"], ["inspect", "checkpoint", "r"], ["fit", "--resume", "r", "--num-epochs", 4]):
        says(econml(*command), 1, "mymodel.py has changed since r was fitted", "--source r/source/mymodel.py")
    assert econml("predict", "r", "--out", "p.csv", "--source", "r/source/mymodel.py").code == 0
    shutil.rmtree("r/source")
    says(econml("eval", "r"), 1, "has changed", "put it back.")


@pytest.mark.slow
def test_model_and_problem_files_of_one_name_are_both_kept(econml):
    Path("a").mkdir(), Path("b").mkdir()
    write("a/mine.py"), write("b/mine.py", EULER)
    ran = econml("fit", "a/mine.py:MyNet", "--problem", "b/mine.py:MyEuler", "--num-epochs", 1, "--out", "r")
    assert ran.code == 0, ran.stderr
    assert {path.name for path in Path("r/source").iterdir()} == {"mine.py", "problem_mine.py"}
    shutil.rmtree("b")
    says(econml("eval", "r"), 1, "b/mine.py is no longer there", "--source r/source/problem_mine.py")
    assert econml("eval", "r", "--source", "r/source/problem_mine.py").code == 0


def test_the_same_file_edited_within_a_second_is_read_again(econml):
    name = write()
    before = econml("fit", name, "--print-config").stdout
    write(text=NET.replace("= 4", "= 5"))
    assert "my_width: 4" in before and "my_width: 5" in econml("fit", name, "--print-config").stdout


def test_modules_beside_the_file_can_be_imported(econml, monkeypatch):
    Path("lib").mkdir()
    Path("lib/my_activations_here.py").write_text("import jax.numpy as jnp\nbend = jnp.sin\n")
    write("lib/mymodel.py", "from my_activations_here import bend\n" + NET.replace("jnp.tanh", "bend"))
    ran = econml("fit", "lib/mymodel.py:MyNet", *SMALL, "--dry-run")
    monkeypatch.delitem(sys.modules, "my_activations_here")
    assert ran.code == 0 and str(Path("lib").absolute()) not in sys.path


def test_what_a_file_prints_does_not_come_between_results(econml):
    write(text="print('hello from my file')\n" + NET)
    ran = econml("fit", "./mymodel.py:MyNet", "--print-config")
    assert "hello" not in ran.stdout and "hello from my file" in ran.stderr


# ---------------------------------------------------------------- trust


def test_a_run_that_somebody_sent_runs_no_code_until_the_file_is_named(econml, fitted, become_another_user):
    text = "from pathlib import Path\nPath('it_ran').touch()\n" + NET
    ran = econml("fit", write(text=text), *SMALL, "--out", "r")
    assert ran.code == 0 and Path("it_ran").exists()
    Path("it_ran").unlink()
    for name in [name for name in sys.modules if name.startswith("econml_source_")]:
        del sys.modules[name]
    become_another_user()
    for command in (["eval", "r"], ["inspect", "checkpoint", "r"], ["predict", "r", "--out", "-"],
                    ["fit", "--resume", "r"], ["fit", "--config", "r/config.yaml"]):  # fmt: skip
        ran = econml(*command)
        assert ran.code in (1, 2) and "code that you have not named yourself" in ran.stderr, ran
        assert "--source ./mymodel.py" in ran.stderr and own_code.VARIABLE in ran.stderr
    listed = econml("inspect", "runs", "--runs-dir", ".")
    assert listed.code == 0 and "./mymodel.py:MyNet" in listed.stdout and "damaged" not in listed.stdout
    assert not Path("it_ran").exists()
    assert econml("eval", "r", "--source", "r/source/mymodel.py").code == 0
    assert Path("it_ran").exists()


def test_a_file_once_named_is_known_to_later_commands_by_place_and_contents(econml, fitted, become_another_user):
    run = fitted()
    del os.environ[own_code.VARIABLE]
    assert run.config().model == "./mymodel.py:MyNet"
    Path("evil").mkdir()
    shutil.copy("mymodel.py", "evil/mymodel.py")  # equal contents: other modules could lie beside it
    with pytest.raises(ConfigError, match="not named yourself"):
        own_code.load(own_code.Reference("evil/mymodel.py", "MyNet"))
    write(text=NET.replace("tanh(", "sin("))
    says(econml("fit", "--config", "r/config.yaml"), 2, "has changed since you last named it", "--source ./mymodel.py")
    become_another_user()
    os.environ[own_code.VARIABLE] = str(Path("mymodel.py").absolute())
    assert own_code.load(own_code.Reference("mymodel.py", "MyNet")).__name__ == "MyNet"


def test_bytecode_beside_a_file_is_not_run(econml):
    import py_compile

    name = write(text=NET.replace("= 4", "= 5"))
    py_compile.compile("mymodel.py", invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    write()
    assert "my_width: 4" in econml("fit", name, "--print-config").stdout


def test_a_source_must_be_a_python_file(econml):
    write()
    says(econml("eval", "r", "--source", "nothing.py"), 2, "There is no file nothing.py")
    says(econml("eval", "r", "--source", "./mymodel.py:MyNet"), 2, "--source ./mymodel.py:MyNet", "without its class")


def test_a_sweep_file_that_somebody_sent_runs_no_code(econml, become_another_user):
    file = ["sweep", "create", "s", "--model", write(), "--param", "my_width=2,3", "--out", "s.yaml"]
    assert econml(*file).code == 0
    become_another_user()
    says(econml("sweep", "run", "s.yaml"), 2, "code that you have not named yourself")


# ---------------------------------------------------------------- sweeps


@pytest.mark.parametrize("engine", ["auto", pytest.param("process", marks=pytest.mark.slow)])
def test_the_options_of_an_own_model_can_be_swept(econml, engine):
    fix = [word for pair in ("N=40", "N_test=20", "N_val=20", "num_epochs=2") for word in ("--fix", pair)]
    create = ["sweep", "create", "x", "--model", write(), "--method", "grid", "--param", "my_width=4,5", *fix]
    assert econml(*create, "--out", "x.yaml").code == 0
    bad = econml(*create, "--param", "my_widht=3")
    assert bad.code == 2 and "my_width" in bad.stderr
    ran = econml("sweep", "run", "x.yaml", "--engine", engine, "--quiet", "--jobs", 1)
    assert ran.code == 0, ran.stderr
    widths = {Run(path).config().model_options.my_width for path in Path("runs/x").glob("0*")}
    assert widths == {4, 5}
    assert econml("eval", "runs/x/0001").code == 0


# ---------------------------------------------------------------- what is wrong with a file


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = (\n", ["mymodel.py fails in line 6", "SyntaxError"]),
        ("x = 1\ny = x / 0\n", ["mymodel.py fails in line 7", "ZeroDivisionError: division by zero."]),
        ("import a_module_that_is_not_there\n", ["in line 6", "No module named"]),
        ("raise SystemExit(2)\n", ["in line 6", "SystemExit: 2"]),
        (NET.replace("MyNet", "MyNetwork"), ["no class MyNet; it has MyNetwork", "Did you mean 'MyNetwork'?"]),
        ("x = 1\n", ["no class MyNet; it has none"]),
        ("class MyNet: ...\n", ["MyNet must be a flax.nnx.Module", "--template"]),
        ("class MyNet(nnx.Module): ...\n", ["MyNet lacks __call__", "[n, din] -> [n, dout]"]),
        (NET.replace("nnx.Linear(din, my_width", "nnx.Linear(din, oops"), ["cannot be made in line 12 of", "'oops'"]),
        (NET.replace("assert fixed == 7", "raise ValueError('--my-width must be even')"), ["Model", "must be even"]),
        (
            "class MyNet(nnx.Module):\n    recipe = 3\n    def __call__(self, x): ...\n",
            ["recipe must be a dict", "got 3"],
        ),
    ],
)
def test_a_file_that_fails_is_answered_with_one_sentence(econml, text, words):
    says(econml("fit", write(text=text), *SMALL), 2, *words)


def test_a_model_that_is_not_there_is_answered_with_how_to_write_one(econml):
    says(econml("fit", "./nothing.py:MyNet"), 2, "There is no file ./nothing.py", str(Path.cwd()))
    says(econml("fit", "mymodel.py"), 2, "Unknown model 'mymodel.py'", "./FILE.py:CLASS", "inspect models --template")
    says(econml("fit", "./a.txt:MyNet"), 2, "Unknown model './a.txt:MyNet'")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("return self.b(jnp.tanh(self.a(x)))", "return self.a(x)"), ["x[40, 2] to [40, 4]", "expects [40, 1]"]),
        (("return self.b(jnp.tanh(self.a(x)))", "return self.b(jnp.tanh(self.a(x)))[:, 0]"), ["[40]", "[40, 1]"]),
        (("nnx.Linear(din, my_width", "nnx.Linear(5, my_width"), ["cannot read x[40, 2]", "in line 16 of"]),
    ],
)
def test_wrong_shapes_of_a_model_are_named_before_anything_is_made(econml, change, words):
    assert change[0] in NET
    says(econml("fit", write(text=NET.replace(*change)), *SMALL, "--out", "r"), 1, *words)
    assert not Path("r").exists()


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (("- 1)[:, 0]", "- 1)"), 1, ["The loss", "[20, 1]", "expected [20]"]),
        (("din, dout", "dout"), 2, ["./mine.py:MyEuler"]),
        (("Batch(jax.random.uniform(rngs(), (n or self.N, 1))", "Batch(jnp.ones((20, 3))"), 1, ["[20, 3]", "[20, 1]"]),
        (("return Batch(", "return ("), 1, ["must be Batch(x, y)", "got a tuple"]),
        (("return Batch(", "return nothing("), 2, ["gives no train sample in line 13 of", "'nothing'"]),
        (
            ("self.rate, self.N = rate, N", "self.rate = 1 / 0"),
            2,
            ["cannot be made in line 11 of", "ZeroDivisionError"],
        ),
        (("- self.rate *", "- self.rat *"), 1, ["The loss", "in line 15 of", "'rat'"]),
        (("'''A residual", "recipe = 3\n    '''A residual"), 2, ["recipe must be a dict"]),
        (
            ('{"features": ["t"]}', '{"features": 3}'),
            2,
            ["describe() of problem ./mine.py:MyEuler", "'features' is 3"],
        ),
        (('{"features": ["t"]}', '{"grid": jnp.ones(3)}'), 2, ["describe() of problem", "not JSON serializable"]),
    ],
)
def test_what_is_wrong_with_a_problem_is_said_in_one_sentence(econml, change, code, words):
    assert change[0] in EULER
    text = EULER.replace(*change)
    if change[1] == "dout":
        text = text.replace("True, None, 1, 1, 1.0", "True, None, 1, 1.0").replace("def loss", "def lossy")
        words = [*words, "lacks din, loss;", "inspect problems --template"]
    write("mine.py", text)
    says(econml("fit", "--problem", "./mine.py:MyEuler", *NARROW, "--out", "r"), code, *words)
    assert not Path("r").exists()


def test_a_problem_that_fails_later_is_answered_with_its_line(econml):
    write("mine.py", EULER.replace("* (1 - self.rate)", "* (1 - self.rat)"))
    ran = econml("fit", "--problem", "./mine.py:MyEuler", *NARROW, "--out", "r", "--quiet")
    says(ran, 1, "It fails in line 21 of", "mine.py: AttributeError", "--debug")


def test_no_word_of_a_command_line_but_model_and_problem_names_a_file(econml, isolated):
    """`econml eval runs/*`, where somebody has put a directory that is called as a reference is written."""
    write("evil.py", "open('it_ran', 'w')\n" + NET)
    for words in (
        ["eval", "best=evil.py:MyNet"],
        ["eval", "evil.py:MyNet", "--json"],
        ["eval", "r", "--problem=evil.py:MyNet"],
        ["sweep", "run", "s.yaml", "--fix", "model=evil.py:MyNet"],
        ["sweep", "check", "evil.py:MyNet"],
        ["predict", "--out", "evil.py:MyNet", "r"],
    ):
        econml(*words)
        assert not list(own_code._remembered()), words
        assert own_code.VARIABLE not in os.environ or "evil" not in os.environ[own_code.VARIABLE]
    assert not Path("it_ran").exists()
    econml("sweep", "run", "s.yaml", "--model", "./evil.py:MyNet")
    assert [path for _, path in own_code._remembered()] == [str(isolated / "evil.py")]


def test_the_copy_of_a_file_has_its_bytes():
    """So that its SHA-256 is that of the manifest, whatever its line ends and its encoding."""
    contents = b"# -*- coding: latin-1 -*-\r\nname = '\xe9'\r\n"
    Path("mine.py").write_bytes(contents)
    origin = own_code.origin("./mine.py:Net")
    assert own_code.copies({"model": origin, "problem": origin}) == {"source/mine.py": contents}


def test_files_whose_names_are_not_utf8_or_hold_line_ends_are_remembered_or_not_at_all(monkeypatch):
    record = remembered._file("sources.txt")
    record.parent.mkdir(parents=True)
    record.write_bytes(b"abc  /tmp/\xff.py\n")
    strange = Path("x\nabc  ")
    strange.mkdir()
    own_code.name(write(str(strange / "mine.py")))
    assert list(own_code._remembered()) == [("abc", "/tmp/\udcff.py")]
    own_code.name(write(b"\xfe.py".decode("utf-8", "surrogateescape")))
    monkeypatch.delenv(own_code.VARIABLE)
    assert own_code._trusted(*[Path(os.fsdecode(b"\xfe.py")), own_code.sha256(os.fsdecode(b"\xfe.py"))])


# ---------------------------------------------------------------- problems


@pytest.mark.slow
def test_an_own_problem_is_fitted_evaluated_and_found_again(econml, monkeypatch):
    write("mine.py", EULER)
    fit = ["fit", "mlp", "--problem", "./mine.py:MyEuler", "--rate", "0.25", *NARROW]
    assert econml(*fit, "--out", "r").code == 0
    assert Run(Path("r")).manifest()["own_code"]["problem"]["reference"] == "./mine.py:MyEuler"
    monkeypatch.chdir("..")
    evaluated = json.loads(econml("eval", "work/r", "--json").stdout)
    assert evaluated["error"] == pytest.approx(Run(Path("work/r")).summary()["error"], rel=1e-6)
    assert econml("eval", "work/r", "--draws", 50).code == 0


def test_an_own_model_on_an_own_problem_in_one_file(econml):
    write("mine.py", NET + EULER)
    ran = econml("fit", "./mine.py:MyNet", "--problem=./mine.py:MyEuler", "--num-epochs", 1, "--out", "r")
    assert ran.code == 0 and [path.name for path in Path("r/source").iterdir()] == ["mine.py"]
    assert econml("inspect", "problems", "./mine.py:MyEuler").stdout.startswith(
        "./mine.py:MyEuler  A residual of my own"
    )


# ---------------------------------------------------------------- templates


@pytest.mark.parametrize("kind", ["model", "problem"])
def test_templates_are_printed_whole(econml, kind):
    found = template(kind)
    assert econml("inspect", f"{kind}s", "--template").stdout == found.text
    as_json = json.loads(econml("inspect", f"{kind}s", "--template", "--json").stdout)
    assert as_json == {"file": f"my{kind}.py", "text": found.text}


@pytest.mark.slow
def test_the_template_of_a_model_works_as_it_is(econml):
    Path("mymodel.py").write_text(template("model").text)
    fit = ["fit", "./mymodel.py:MyNet", "--width", 16, "--num-epochs", 200, "--out", "r", "--json"]
    assert json.loads(econml(*fit).stdout)["test_loss"] < 0.01  # the variance of Y is about 1
    embedded = econml("predict", "r", "--embed", "--out", "-").stdout.splitlines()
    assert embedded[0].split(",")[3:-1] == [f"z_{i + 1}" for i in range(16)] and len(embedded) == 901
    says(econml("fit", "./mymodel.py:MyNet", "--width", 0), 2, "--width must be at least 1")
    Path("d.csv").write_text("a,b,y\n" + "".join(f"{i},{i % 5},{i / 7}\n" for i in range(60)))
    assert econml("fit", "./mymodel.py:MyNet", "--data", "d.csv", "--target", "y", "--num-epochs", 2).code == 0


@pytest.mark.slow
def test_the_template_of_a_problem_solves_its_model(econml):
    Path("myproblem.py").write_text(template("problem").text)
    ran = econml("fit", "--problem", "./myproblem.py:MyEuler", "--out", "r", "--json")
    found = json.loads(ran.stdout)
    assert found["policy_error_mean"] < 2e-3 and found["policy_error_max"] < 1e-2
    assert found["steady_state_error"] < 1e-2 and found["log10_euler_mean"] < -3 and "failed" not in found
    assert [found[f"verdict_{name}"] for name in ("loss", "truth", "stability")] == ["passed"] * 3
    data = json.loads(Path("r/manifest.json").read_text())["data"]
    assert data["truth"] == pytest.approx(0.3456) and data["kbar"] == pytest.approx(0.190117, rel=1e-5)
    assert econml("fit", "./myproblem.py:MyEuler").code == 2  # a problem is no model


def test_the_residual_of_the_template_is_zero_at_the_truth_and_only_there():
    Path("myproblem.py").write_text(template("problem").text)
    own_code.name("myproblem.py")
    problem = own_code.load(own_code.parse("myproblem.py:MyEuler"))()
    batch = verdicts.at(jnp.linspace(-0.7, 0.7, 9)[:, None])

    def constant(s):
        return lambda x: np.full(x.shape, np.log(s / (1 - s)))

    np.testing.assert_allclose(problem.residual(constant(0.36 * 0.96), batch), 0, atol=2e-6)
    # by hand: with constant s the residual is 1 - alpha beta / s
    np.testing.assert_allclose(problem.residual(constant(0.5), batch), 1 - 0.36 * 0.96 / 0.5, atol=2e-6)
    assert isinstance(problem.sample(nnx.Rngs(0), "train").x, jax.Array)


@pytest.mark.slow
def test_a_problem_of_ones_own_may_leave_out_all_that_says_more_than_its_residual(econml):
    source = template("problem").text
    Path("short.py").write_text(
        source.split("    # All below may be left out")[0] + source[source.index("    def describe") :]
    )
    ran = econml("fit", "--problem", "./short.py:MyEuler", "--out", "r", "--json")
    found = json.loads(ran.stdout)
    assert ran.code == 0 and found["verdict_loss"] == "passed" and found["log10_euler_mean"] < -3, ran.stderr
    assert not {"verdict_truth", "verdict_stability", "policy_error_mean", "log10_euler_path_mean"} & {*found}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("y_next = k_next**", "y_next = k_next[:, 0] **"), "somewhere in it [256] meets [256, 1]"),
        (
            ("/ ((1 - s_next) * y_next)", "/ ((1 - s_next) * y_next) @ jnp.ones(1)"),
            "has shape [256], expected [256, equations]",
        ),
    ],
)
def test_a_residual_that_is_not_one_column_an_equation_is_refused(econml, change, said):
    Path("wrong.py").write_text(template("problem").text.replace(*change))
    ran = econml("fit", "--problem", "./wrong.py:MyEuler", "--num-epochs", 1, "--out", "r")
    assert ran.code == 1 and said in ran.stderr, ran.stderr


def test_templates_are_printed_without_jax():
    code = (
        "import sys; from econml_cli.inspection import templates as t; t.template('model'); print('jax' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
