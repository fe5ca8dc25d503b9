"""A W&B server of our own on 127.0.0.1: as much GraphQL as their client needs to register a sweep, to run an agent on
it, and to log a run. What it was asked is recorded, and so is every operation that it does not know."""

import json
import re
import threading
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import yaml

ENTITY, SWEEP = "lecturer", "s4eep1d0"
KEY = "0123456789abcdef" * 2 + "01234567"


@dataclass
class WandbServer:
    """The state of the server, for a test to read and to set.

    Attributes:
        url: for WANDB_BASE_URL.
        points: [{parameter: value}]: the runs that the sweep hands out, one at a time; then the agent is told to exit.
        refuse: the message with which a sweep is refused; None registers it.
        sweeps: {id: {"config": YAML, "project", "entity"}}, as registered.
        runs: {run id: the variables of its last UpsertBucket}.
        operations: the name of every operation asked for, in order; unknown: of those answered with nothing.
        streams: {run id: file stream chunks}.
    """

    url: str = ""
    points: list[dict[str, Any]] = field(default_factory=list)
    refuse: str | None = None
    sweeps: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    operations: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    streams: dict[str, list[Any]] = field(default_factory=dict)
    handed_out: int = 0

    def graphql(self, query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The `data` of the answer to an operation.

        Raises:
            ValueError: a message for `errors`.
        """
        found = re.search(r"\b(?:query|mutation)\s+(\w+)", query)
        name = found[1] if found else query.strip()[:40]
        self.operations.append(name)
        if not found and "viewer" in query:
            name = "Viewer"  # wandb < 0.26 asks without a name
        answer: Callable[[Mapping[str, Any]], dict[str, Any]] | None = getattr(self, f"_{_snake(name)}", None)
        if answer is None:
            self.unknown.append(f"{name}: {' '.join(query.split())[:300]} {json.dumps(dict(variables))[:200]}")
            return {}
        return answer(variables)

    def history(self, run: str) -> list[dict[str, Any]]:
        """The rows that a run has logged."""
        lines = [
            line
            for chunk in self.streams.get(run, [])
            for line in chunk.get("files", {}).get("wandb-history.jsonl", {}).get("content", [])
        ]
        return [json.loads(line) for line in lines]

    # Who is there, and what the server can do.

    def _viewer(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        viewer = {"id": "VXNlcjox", "entity": ENTITY, "username": ENTITY, "name": ENTITY, "flags": "{}", "email": ""}
        return {"viewer": {**viewer, "admin": False, "apiKeys": _edges([]), "teams": _edges([{"name": ENTITY}])}}

    _get_default_entity = _viewer

    def _server_info(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        return {"serverInfo": {"cliVersionInfo": {"max_cli_version": "99.0.0"}, "latestLocalVersionInfo": None}}

    def _server_features_query(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        return {"serverInfo": {"features": []}}

    def _server_capabilities(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        return {"QueryType": {"fields": []}, "MutationType": {"fields": []}, "ServerInfoType": {"fields": []}}

    def _probe_project_input(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        return {"ProjectType": {"fields": []}}

    def _probe_run_input(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        return {"RunType": {"fields": []}}

    # The sweep and its agent.

    def _upsert_sweep(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        if self.refuse:
            raise ValueError(self.refuse)
        project, entity = variables.get("projectName") or "uncategorized", variables.get("entityName") or ENTITY
        self.sweeps[SWEEP] = {"config": variables["config"], "project": project, "entity": entity}
        sweep = {"name": SWEEP, "project": _project(project, entity)}
        return {"upsertSweep": {"sweep": sweep, "configValidationWarnings": []}}

    def _sweep_with_runs(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "project": {
                **_project(variables.get("project"), variables.get("entity")),
                "sweep": self._sweep_of(variables),
            }
        }

    _sweep = _get_sweep = _get_sweep_legacy = _sweep_with_runs

    def _sweep_of(self, variables: Mapping[str, Any]) -> dict[str, Any] | None:
        wanted = variables.get("sweep") or variables.get("name") or variables.get("sweepName")
        if (known := self.sweeps.get(str(wanted))) is None:
            return None
        times = dict.fromkeys(("createdAt", "heartbeatAt", "updatedAt"), "2026-01-01T00:00:00")
        nothing = dict.fromkeys(
            ("description", "displayName", "bestLoss", "controller", "scheduler", "runCountExpected")
        )
        known_of_it = {"__typename": "Sweep", "id": "U3dlZXA6MQ==", "name": wanted, "config": known["config"]}
        state = {"method": "random", "state": "RUNNING", "earlyStopJobRunning": False, "runCount": len(self.runs)}
        return {
            **nothing,
            **known_of_it,
            **state,
            **times,
            "runs": _edges(self._runs_of_sweep()),
            "priorRuns": _edges([]),
        }

    def _runs_of_sweep(self) -> list[dict[str, Any]]:
        """What is known of the runs: of each its config, its summary (`summary`, a mapping) and its state."""
        nothing = dict.fromkeys(("group", "jobType", "commit", "readOnly", "sweepName", "notes", "systemMetrics"))
        return [
            {
                **nothing, "id": name, "name": name, "displayName": name, "state": run.get("state", "finished"),
                "config": json.dumps({key: {"value": value} for key, value in run.get("config", {}).items()}),
                "summaryMetrics": json.dumps(run.get("summary", {})), "historyLineCount": 3, "lastHistoryStep": 2,
                "createdAt": "2026-01-01T00:00:00Z", "heartbeatAt": "2026-01-01T00:00:00Z", "projectId": "1",
                "tags": [], "user": {"name": "me", "username": "me"},
            }
            for name, run in self.runs.items()
            if "summary" in run
        ]  # fmt: skip

    def _runs(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        nodes = self._runs_of_sweep()
        known = {**_project(variables.get("project"), variables.get("entity")), "internalId": "1", "readOnly": False}
        return {"project": {**known, "runCount": len(nodes), "runs": _edges(nodes)}}

    def _create_agent(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        return {"createAgent": {"agent": {"id": "QWdlbnQ6MQ=="}}}

    def _heartbeat(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        return {"agentHeartbeat": {"agent": {"id": variables["id"]}, "commands": json.dumps(self._commands(variables))}}

    def _commands(self, variables: Mapping[str, Any]) -> list[dict[str, Any]]:
        if json.loads(variables.get("runState") or "{}"):
            return []  # one is running
        if self.handed_out == len(self.points):
            return [{"type": "exit"}]
        point = self.points[self.handed_out]
        self.handed_out += 1
        config = yaml.safe_load(self.sweeps[SWEEP]["config"])
        arguments = {name: {"value": value} for name, value in point.items()}
        return [{"type": "run", "run_id": f"run{self.handed_out}", "program": config.get("program"), "args": arguments}]

    # A run.

    def _organization_core_weave_organization_id(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        return {"entity": {"organization": {"coreWeaveOrganizationId": None}}}

    def _upsert_bucket(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        name = variables.get("name") or "unnamed"
        self.runs[name] = {**self.runs.get(name, {}), **{k: v for k, v in variables.items() if v is not None}}
        project, entity = variables.get("project") or "uncategorized", variables.get("entity") or ENTITY
        bucket = {"id": "UnVuOjE=", "name": name, "displayName": variables.get("displayName") or name, "config": "{}"}
        bucket |= {"description": None, "sweepName": variables.get("sweep"), "historyLineCount": 0}
        bucket["project"] = _project(project, entity)
        return {"upsertBucket": {"bucket": bucket, "inserted": True}}

    def _run_resume_status(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        return {"model": None}

    def _create_run_files(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        files = [{"name": name, "uploadUrl": f"{self.url}/storage/{name}"} for name in variables.get("files", ())]
        return {"createRunFiles": {"runID": "UnVuOjE=", "uploadHeaders": [], "files": files}}

    def _run_stopped_status(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        return {"project": {"run": {"stopped": False}}}

    def _notify_scriptable_run_alert(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        return {"notifyScriptableRunAlert": {"success": True}}


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _edges(nodes: list[Any]) -> dict[str, Any]:
    edges = [{"node": node, "cursor": str(i)} for i, node in enumerate(nodes)]
    return {"edges": edges, "pageInfo": {"endCursor": None, "hasNextPage": False}}


def _project(name: str | None, entity: str | None) -> dict[str, Any]:
    owner = {"id": "RW50aXR5OjE=", "name": entity}
    return {"id": "UHJvamVjdDox", "name": name, "entity": owner}


def _handler(state: WandbServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.path.startswith("/graphql"):
                self._graphql(json.loads(body))
            elif found := re.fullmatch(r"/files/[^/]+/[^/]+/([^/]+)/file_stream", self.path):
                state.streams.setdefault(found[1], []).append(json.loads(body))
                self._answer(200, {"exitcode": None, "limits": {}})
            else:
                state.unknown.append(f"POST {self.path}")
                self._answer(404, {})

        def _graphql(self, asked: dict[str, Any]) -> None:
            try:
                self._answer(200, {"data": state.graphql(asked["query"], asked.get("variables") or {})})
            except ValueError as error:
                self._answer(200, {"data": None, "errors": [{"message": str(error)}]})

        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._answer(200, {})

        def do_GET(self) -> None:
            self._answer(200, {})

        def _answer(self, code: int, content: dict[str, Any]) -> None:
            data = json.dumps(content).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, address: Any) -> None:
        """A client that was killed leaves its connections half open."""


@contextmanager
def serving():
    """A running server; it stops with the context."""
    state = WandbServer()
    server = _Quiet(("127.0.0.1", 0), _handler(state))
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
