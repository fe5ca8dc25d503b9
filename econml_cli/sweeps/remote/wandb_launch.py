"""Register a sweep with W&B, and run W&B's agent on one. This is the only module of the sweeps that imports wandb.

What is asked of W&B before an agent starts is asked in a process of its own (this module, as `python -m`): W&B's client
prints, prompts, and tries for minutes or for ever to reach a server; there it can do neither, and is ended in time.
"""

import contextlib
import inspect
import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from econml_cli.errors import RunError
from econml_cli.sweeps.spec import yaml_lines
from econml_cli.sweeps.spec.schema import Sweep

DEFAULT_PROJECT = "econml"
#: seconds: for a first sign of the server, and for the whole question
REACH_SECONDS, ASK_SECONDS = 10.0, 60.0
_ALONE = "`econml sweep run FILE` runs a sweep without W&B"


@dataclass(frozen=True)
class Registered:
    """A sweep that W&B knows.

    Attributes:
        path: ENTITY/PROJECT/ID. url: its page, or None. notes: what W&B dislikes about it.
    """

    path: str
    url: str | None
    notes: tuple[str, ...] = ()


def register(sweep: Sweep, project: str | None = None, entity: str | None = None) -> Registered:
    """Register a sweep with W&B.

    Args:
        project: None means WANDB_PROJECT, else the file's `project`, else econml. entity: likewise; else one's own.

    Raises:
        RunError: no API key, no server, or W&B refuses the sweep.
    """
    config = _explicit(sweep)
    where = {
        "project": project or os.environ.get("WANDB_PROJECT") or config.get("project"),
        "entity": entity or os.environ.get("WANDB_ENTITY") or config.get("entity"),
    }
    answer, said = _ask({"do": "register", "config": config, **where})
    if "error" in answer:
        raise RunError(_known_failure(answer) or f"W&B refused the sweep {sweep.path} ({answer['error']}).")
    return Registered(answer["path"], answer["url"], tuple(re.findall(r"Violation \d+\. (.*)", said)))


def look_up(path: str) -> Registered:
    """The sweep at ENTITY/PROJECT/ID (PROJECT/ID and ID, where W&B's settings hold the rest).

    Raises:
        RunError: no API key, no server, or no such sweep.
    """
    answer, _ = _ask({"do": "look_up", "path": path})
    if "error" in answer:
        cause = "" if "Could not find sweep" in answer["error"] else f" ({answer['error']})"
        no_such = f"W&B knows no sweep {path}{cause}; `econml sweep launch FILE` registers one, and prints its path."
        raise RunError(_known_failure(answer) or no_such)
    return Registered(answer["path"], answer["url"])


def runs_of(path: str) -> dict[str, Any]:
    """The config of the sweep at ENTITY/PROJECT/ID, and its runs, by what W&B's server says.

    Raises:
        RunError: W&B is offline here (WANDB_MODE); otherwise as `look_up`.
    """
    if os.environ.get("WANDB_MODE") in ("offline", "dryrun", "disabled"):
        raise RunError(
            f"WANDB_MODE is {os.environ['WANDB_MODE']}, so W&B is not asked for the runs of {path}; unset it, or show "
            "what wandb keeps here: `econml sweep show wandb`."
        )
    answer, _ = _ask({"do": "runs", "path": path})
    if "error" in answer:
        cause = "" if "Could not find sweep" in answer["error"] else f" ({answer['error']})"
        raise RunError(_known_failure(answer) or f"W&B knows no sweep {path}{cause}.")
    return answer


def run_agent(path: str, count: int | None = None) -> bool:
    """Run W&B's agent in this process until the sweep, or `count` runs, are done; its runs are processes of their own.

    Args:
        path: ENTITY/PROJECT/ID of a sweep that exists.

    Returns:
        Whether Ctrl-C ended it: the first lets the run end, the second terminates it, the third kills it.

    Raises:
        RunError: the agent gave up.
    """
    import wandb

    # the command of a sweep is `econml fit`: ours, also where no virtual environment is activated
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    interrupts: list[int] = []

    def interrupt(number: int, frame: Any) -> None:
        interrupts.append(number)
        raise KeyboardInterrupt  # what the agent waits for

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        wandb.agent(path, count=count)
    except KeyboardInterrupt:
        pass
    except Exception as error:
        raise RunError(f"W&B's agent of {path} stopped ({_short(error)}); start it again to go on.") from error
    finally:
        signal.signal(signal.SIGINT, before)
    return bool(interrupts)


def _explicit(sweep: Sweep) -> dict[str, Any]:
    """The YAML as data, `1e-4` a number, and a distribution for each range: their client infers one of some only."""
    data: dict[str, Any] = yaml_lines.parse(yaml_lines.read(sweep.path), sweep.path)[0].data
    for parameter in sweep.space.parameters:
        settings: dict[str, Any] = data
        for name in parameter.path:
            settings = settings["parameters"][name]
        if "min" in settings:
            settings["distribution"] = parameter.called
    return data


def _ask(question: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """What a process of its own answers to a question, and what it said on stderr."""
    environment = {k: v for k, v in os.environ.items() if k not in ("WANDB_MODE", "WANDB_SILENT", "WANDB_QUIET")}
    environment["WANDB_ERROR_REPORTING"] = "false"
    # files, not pipes: wandb-core inherits them, and a pipe would be waited for until that process has ended too
    with tempfile.TemporaryDirectory(prefix="econml-") as directory:
        answer, said = Path(directory, "answer.json"), Path(directory, "stderr")
        with said.open("w") as errors, contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(  # noqa: S603 - this interpreter, this module
                [sys.executable, "-P", "-m", "econml_cli.sweeps.remote.wandb_launch", str(answer)],
                input=json.dumps(question, default=str),
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                text=True,
                timeout=ASK_SECONDS,
                check=False,
            )
        text = said.read_text(encoding="utf-8", errors="replace")
        if answer.exists():
            return json.loads(answer.read_text(encoding="utf-8")), text
    last = text.strip().splitlines()[-1:] or ["no word"]
    url = os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")
    return {
        "error": f"no answer within {ASK_SECONDS:g} s; last: {last[0][:200]}",
        "kind": "unreachable",
        "server": url,
    }, ""


def _known_failure(answer: Mapping[str, str]) -> str | None:
    """The sentence for what can fail whatever is asked."""
    cause = answer["error"]
    match answer["kind"]:
        case "unreachable":
            return f"W&B at {answer['server']} cannot be reached ({cause}); try again later, or: {_ALONE}."
        case "ImportError" | "ModuleNotFoundError":
            return f"wandb cannot be imported ({cause}); install it with `pip install wandb`, or: {_ALONE}."
        case "UsageError" if "No API key" in cause:
            return f"W&B has no API key here; run `wandb login`, or: {_ALONE} or an account."
        case "UsageError" | "AuthenticationError":
            return f"W&B does not let you in ({cause}); run `wandb login --relogin`, or: {_ALONE} or an account."
    return None


# Below: what happens in the process of its own.


def _answer(question: Mapping[str, Any]) -> dict[str, Any]:
    server = ""
    try:
        import wandb

        settings = wandb.setup().settings
        server = settings.base_url
        _reach(server)
        if question["do"] == "register":
            return _register(wandb, question, settings)
        api = wandb.Api()
        sweep = api.sweep(question["path"])
        if question["do"] == "runs":
            runs = api.runs("/".join(sweep.path[:2]), filters={"sweep": sweep.path[2]}, **_at_once(api.runs))
            return {"config": sweep.config, "runs": [_told(run) for run in runs]}
        return {"path": "/".join(sweep.path), "url": sweep.url}
    except Exception as error:
        kind = "unreachable" if isinstance(error, ConnectionError) else type(error).__name__
        return {"error": _short(error), "kind": kind, "server": server}


def _at_once(asking: Any) -> dict[str, bool]:
    """What has W&B's client fetch runs with their summaries, where it would ask for each of these anew."""
    return {"lazy": False} if "lazy" in inspect.signature(asking).parameters else {}


def _told(run: Any) -> dict[str, Any]:
    """A run of W&B's API as JSON."""
    summary = {key: value for key, value in dict(run.summary).items() if isinstance(value, int | float | str)}
    steps, runtime = getattr(run, "lastHistoryStep", None), summary.get("_runtime")
    return {
        "place": "/".join(run.path),
        "state": run.state,
        "config": dict(run.config),
        "summary": summary,
        "started": getattr(run, "created_at", None),
        "steps": steps + 1 if isinstance(steps, int) and steps >= 0 else None,
        "seconds": runtime if isinstance(runtime, int | float) else None,
    }


def _register(wandb: Any, question: Mapping[str, Any], settings: Any) -> dict[str, Any]:
    project = question["project"] or settings.project or DEFAULT_PROJECT
    with contextlib.redirect_stdout(io.StringIO()) as written:
        number = wandb.sweep(question["config"], project=project, entity=question["entity"])
    page = re.search(r"https?://\S+/sweeps/\S+", written.getvalue())
    # their client keeps what the server made of project and entity for the agents that this process may start
    path = [os.environ.get("WANDB_ENTITY"), os.environ.get("WANDB_PROJECT", project), number]
    return {"path": "/".join(part for part in path if part), "url": page[0] if page else None}


def _reach(server: str) -> None:
    """Ask the server for anything at all, proxies and all.

    Raises:
        ConnectionError: there is no server, or it says nothing in time.
    """
    try:
        with urllib.request.urlopen(server, timeout=REACH_SECONDS):  # noqa: S310 - the address that wandb will use
            pass
    except urllib.error.HTTPError:
        pass  # an answer
    except OSError as error:  # URLError, and time-outs
        reason = getattr(error, "reason", error)
        if "CERTIFICATE" not in str(reason).upper():  # wandb may know certificates that Python does not
            raise ConnectionError(getattr(reason, "strerror", None) or str(reason)) from None


def _short(error: BaseException) -> str:
    """The message of an error in one line, without a full stop."""
    return (" ".join(str(error).split()) or type(error).__name__)[:300].rstrip(".")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(_answer(json.load(sys.stdin)), default=str), encoding="utf-8")
