"""What W&B's own settings files say, read without importing wandb: `wandb offline` and `wandb init` write them."""

import configparser
from collections.abc import Mapping
from pathlib import Path

from econml_cli.storage import disk


def from_files(environ: Mapping[str, str]) -> dict[str, str]:
    """{setting: text} of the user's file, with those of this directory's in front; {} where there are none.

    The places are W&B's: WANDB_CONFIG_DIR or ~/.config/wandb, and wandb/ (.wandb/ where there is one) in WANDB_DIR or
    here. A file that cannot be read says nothing here; wandb itself warns of it.
    """
    root = Path(environ.get("WANDB_DIR") or ".")
    beside = root / (".wandb" if (root / ".wandb").exists() else "wandb")
    users = Path(environ.get("WANDB_CONFIG_DIR") or "~/.config/wandb").expanduser()
    return {**_read(users / "settings"), **_read(beside / "settings")}


def project(given: str | None, environ: Mapping[str, str]) -> str | None:
    """The project to tell wandb: what was typed, else econml; None where the environment or a file says one to it."""
    if given:
        return given
    return None if environ.get("WANDB_PROJECT") or from_files(environ).get("project") else "econml"


def mode(environ: Mapping[str, str]) -> str:
    """The mode that a settings file asks for, in W&B's words; "" for none."""
    said = from_files(environ)
    return "disabled" if said.get("disabled", "").lower() == "true" else said.get("mode", "")


def _read(path: Path) -> dict[str, str]:
    parser = configparser.ConfigParser()
    try:
        parser.read_string(disk.read_bytes(path).decode("utf-8"))  # it may be a pipe, in somebody's folder
        return dict(parser.items("default"))
    except (OSError, ValueError, configparser.Error):
        return {}
