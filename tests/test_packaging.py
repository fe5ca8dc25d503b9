"""What `python -m build` makes installs and runs in an environment that has nothing else."""

import email
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support import ROOT

pytestmark = pytest.mark.slow
#: the user's own, which the tests' home hides: packages that are there already are not fetched again
CACHE = os.environ.get("UV_CACHE_DIR") or str(Path.home() / ".cache" / "uv")


def done(*command, cwd):
    """Run a command to its end; what it wrote to stdout."""
    outside = {k: v for k, v in os.environ.items() if not k.startswith(("ECONML_", "WANDB_", "PYTHON", "VIRTUAL_ENV"))}
    ran = subprocess.run(
        command, capture_output=True, text=True, cwd=cwd, timeout=900,
        env={**outside, "UV_CACHE_DIR": CACHE},
    )  # fmt: skip
    assert ran.returncode == 0, f"{command}\n{ran.stdout}\n{ran.stderr}"
    return ran.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from the source distribution, as a release is."""
    if shutil.which("uv") is None:
        pytest.skip("uv is not on the PATH")
    there = tmp_path_factory.mktemp("dist")
    done(sys.executable, "-m", "build", "--installer", "uv", "--outdir", there, ROOT, cwd=there)
    (found,) = there.glob("econml_cli-*.whl")
    return found


def test_the_wheel_has_the_package_alone_and_a_description_without_links_into_the_repository(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = archive.read(next(name for name in names if name.endswith("METADATA"))).decode()
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"econml_cli"}
    kept = {f"econml_cli/{path.relative_to(ROOT / 'econml_cli')}" for path in (ROOT / "econml_cli").rglob("*.*")}
    assert {name for name in kept if not name.endswith(".pyc")} <= {*names}
    message = email.message_from_string(metadata)
    assert message["Description-Content-Type"] == "text/markdown"
    description = message.get_payload()
    assert "| [linear]" not in description and "| linear | a linear function" in description
    assert "![What" not in description and "One command drew it" not in description  # the picture and its caption
    targets = re.findall(r"\]\(([^)]*)\)", description)
    assert targets and all(target.startswith("https://") for target in targets)
    assert "$" not in re.sub(r"^```.*?^```", "", description, flags=re.MULTILINE | re.DOTALL)  # PyPI draws no formulas


def test_the_wheel_runs_in_a_clean_environment(wheel, tmp_path):
    done("uv", "venv", "--quiet", "--python", sys.executable, tmp_path / "clean", cwd=tmp_path)
    python = tmp_path / "clean" / "bin" / "python"
    done("uv", "pip", "install", "--quiet", "--python", python, wheel, cwd=tmp_path)
    work = Path.cwd()  # the test's own
    econml = python.with_name("econml")
    assert "econml_cli" in done(python, "-c", "import econml_cli; print(econml_cli.__file__)", cwd=work)
    fitted = done(econml, "fit", "mlp", "--lr", "1e-3", "--num-epochs", "20", "--name", "first", cwd=work)
    assert re.search(r"test loss +\d", fitted)
    assert "theta error" in done(econml, "eval", "first", cwd=work)
    (work / "table.csv").write_text("x,y\n" + "".join(f"{i},{2 * i + 1}\n" for i in range(20)))
    done(econml, "fit", "linear", "--data", "table.csv", "--target", "y", "--name", "line", "--quiet", cwd=work)
    done(econml, "report", "first", "line", "--out", "report.html", "--bootstrap", "0", "--draws", "100", cwd=work)
    assert (work / "report.html").stat().st_size > 10_000
