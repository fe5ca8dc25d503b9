"""What a run directory says of where a fit came from: config, manifest, preprocessing, fingerprint of the data."""

import contextlib
import dataclasses
import datetime
import functools
import hashlib
import json
import platform
import secrets
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np

from econml_cli.config.fit_config import FitConfig
from econml_cli.data.stored import blocks_of, is_stored
from econml_cli.errors import ConfigError
from econml_cli.options import own_code
from econml_cli.problems.base import Preprocesses
from econml_cli.runs import directory, documents, environment, git
from econml_cli.runs.directory import Run
from econml_cli.storage import disk, json_shape, tables
from econml_cli.training.run.restore import shapes_to
from econml_cli.training.setup.setup import Sampled, Setup, num_params
from econml_cli.version import __version__


def files(setup: Setup, command: str | None, **more: Any) -> dict[str, str | bytes]:
    """What a run directory holds before training starts; `more` goes into its manifest."""
    manifest = disk.finite({**_manifest(setup, command), **more})
    files: dict[str, str | bytes] = {
        "config.yaml": setup.config.to_yaml(),
        "manifest.json": json.dumps(manifest, indent=2, ensure_ascii=False) + "\n",
    }
    files |= own_code.copies(_own_code(setup.config))
    files[environment.FILE] = environment.installed()
    if (changes := _git_diff(str(Path.cwd()))) is not None:
        files[git.DIFF] = changes
    if isinstance(setup.problem, Preprocesses):
        files["preprocessing.json"] = json.dumps(setup.problem.preprocessing(), indent=2, allow_nan=False) + "\n"
    return files


def _manifest(setup: Setup, command: str | None) -> dict[str, Any]:
    device, cwd = jax.devices()[0], str(Path.cwd())
    return {
        "schema": directory.SCHEMA,
        "id": secrets.token_hex(16),
        "status": "running",
        "process": directory.this_process(),
        "created": now(),
        "command": command,
        "econml": __version__,
        "versions": dict(_versions()),
        "device": f"{device.platform}: {device.device_kind}",
        "hardware": environment.hardware(),
        "git_commit": _git_commit(cwd),
        "cwd": cwd,
        "shapes": shapes_to(setup.shapes),
        **({"own_code": found} if (found := _own_code(setup.config)) else {}),
        "num_params": num_params(setup.model),
        "data": {**_described(setup), "fingerprint": fingerprint(setup), "moments": moments(setup)},
    }


def _described(setup: Setup) -> dict[str, Any]:
    """What the problem says of its data, as the manifest keeps it.

    Raises:
        ConfigError: it could not be read back; the problem may be of the user's own.
    """
    about = disk.finite(setup.problem.describe())
    try:
        json.dumps(about)
        json_shape.check(about, documents.DATA)
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigError(
            f"What describe() of problem {setup.config.problem} returns cannot be kept in manifest.json ({error})."
        ) from error
    return dict(about)


def _own_code(config: FitConfig) -> dict[str, dict[str, str]]:
    """Where what is of the user's own came from (a copy is kept in the run's `source`, to be read)."""
    named = {"model": config.model, "problem": config.problem, "loss": getattr(config.problem_options, "loss", None)}
    found = {kind: own_code.origin(str(name)) for kind, name in named.items()}
    return {kind: origin for kind, origin in found.items() if origin is not None}


@functools.cache
def _versions() -> tuple[tuple[str, str], ...]:
    packages = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")
    return ("python", platform.python_version()), *((name, version(name)) for name in packages)


def fingerprint(setup: Sampled) -> str:
    """SHA-256 over the arrays of the train, val and test samples (hex): equal data, equal fingerprint.

    Of samples that lie in files it is computed once, as long as these files are left alone.
    """
    leaves = _arrays(setup)
    if leaves and all(is_stored(leaf) for leaf in leaves):
        with contextlib.suppress(OSError):
            return tables.remembered([leaf.path for leaf in leaves], lambda: _digest(leaves))
    return _digest(leaves)


def _digest(leaves: Sequence[Any]) -> str:
    sha = hashlib.sha256()
    for leaf in leaves:
        sha.update(f"{leaf.dtype}{leaf.shape}".encode())
        for block in blocks_of(leaf):
            sha.update(np.ascontiguousarray(block).tobytes())
    return sha.hexdigest()


def moments(setup: Sampled) -> list[list[float]]:
    """Mean and mean square of each array of the samples: equal up to rounding where another processor drew them."""
    return [_moments(leaf) for leaf in _arrays(setup)]


def _arrays(setup: Sampled) -> list[Any]:
    """The arrays of the samples, on the host or in files."""
    samples = (setup.train, setup.val, setup.test)
    return jax.tree.leaves(samples if setup.streamed else jax.device_get(samples))


def _moments(leaf: Any) -> list[float]:
    """Mean and mean square of an array."""
    if not is_stored(leaf):
        return [float(np.mean(leaf, dtype=float)), float(np.mean(np.square(leaf, dtype=float)))]
    sums = [(np.sum(block, dtype=float), np.sum(np.square(block, dtype=float))) for block in leaf.blocks()]
    return [float(np.sum(own)) / leaf.size for own in zip(*sums, strict=True)]


def same_data(run: Run, setup: Sampled) -> bool:
    """Whether the data are those of the fit.

    Simulated ones up to rounding; those of a file in their arrays, and in the units that they were standardised from (a
    column shifted or rescaled gives the same arrays).
    """
    saved = run.manifest().get("data", {})
    same: bool = saved.get("fingerprint") == fingerprint(setup)
    if setup.problem.simulated:
        return same or _close(saved.get("moments", []), moments(setup))
    if not same and setup.problem.describe().get("sha256") == saved.get("sha256"):
        # the file to the byte; an older econml read some numbers of text files to the last digit but one
        return "schema" not in (run.preprocessing() or {}) and _close(saved.get("moments", []), moments(setup))
    if not same or setup.problem.describe().get("sha256") == saved.get("sha256"):
        return same
    assert isinstance(setup.problem, Preprocesses)  # it reads a file
    here, before = json.loads(json.dumps(setup.problem.preprocessing())), run.preprocessing() or {}
    return {name: here.get(name) for name in before} == before  # an older econml wrote less


def _close(before: list[list[float]], after: list[list[float]]) -> bool:
    return np.shape(before) == np.shape(after) and bool(np.allclose(before, after, rtol=1e-5, atol=1e-6))


def with_own_file(run: Run, config: FitConfig) -> FitConfig:
    """The config with its data file as `own_file` finds it, read as the econml that made the run read it: an older one
    had a constant whatever the formula said, and did not spread classes over the splits."""
    if (path := own_file(run, config)) is None:
        return config
    changes: dict[str, Any] = {"data": path}
    if getattr(config.problem_options, "schema", None) is not None and (run.preprocessing() or {}).get("schema"):
        changes["schema"] = str(run.path / "preprocessing.json")  # as it was, whatever the schema.yaml says by now
    if hasattr(config.problem_options, "constant") and "constant" not in (run.preprocessing() or {"constant": True}):
        changes |= {"constant": True, "stratify": False}
    return dataclasses.replace(config, problem_options=dataclasses.replace(config.problem_options, **changes))


def own_file(run: Run, config: FitConfig) -> str | None:
    """The data file of a run: as its config says, or, where a relative one is not here, where the fit ran."""
    name = getattr(config.problem_options, "data", None)
    if name is None or Path(name).exists():
        return name
    there = Path(run.manifest().get("cwd", "."), name)
    return str(there) if there.exists() else name


def now() -> str:
    """The time, UTC, to the millisecond, ISO 8601."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")


@functools.cache
def _git_commit(cwd: str) -> str | None:
    """`git.commit`, asked once a process: a sweep makes many runs with the code that it started with."""
    return git.commit(Path(cwd))


@functools.cache
def _git_diff(cwd: str) -> str | None:
    """`git.diff`, likewise; only where the commit says that there are changes."""
    return git.diff(Path(cwd)) if (_git_commit(cwd) or "").endswith("+changes") else None
