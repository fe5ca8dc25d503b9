"""How a run can be repeated, and where it comes from."""

from econml_cli.options import shell
from econml_cli.output.tables import Grid
from econml_cli.report.elements import code, paragraph, table
from econml_cli.runs.directory import Run


def repeat(run: Run) -> str:
    """The commands, and every option of the fit."""
    manifest = run.manifest()
    again = shell.command("fit", "--config", run.path / "config.yaml")
    lines = [line for line in (manifest.get("command"), again) if line]
    where = f"It was run in {manifest['cwd']}." if manifest.get("cwd") else ""
    said = "The command of the fit, and one that repeats it from its run directory." if len(lines) > 1 else ""
    return "".join(
        [
            paragraph(" ".join(filter(None, (said, where))) or "The command that repeats it.", "note"),
            code("\n".join(lines), "commands that repeat the fit"),
            paragraph("All of its options (config.yaml):", "note"),
            code(run.config().to_yaml().rstrip(), "options of the fit", "options"),
        ]
    )


def provenance(run: Run) -> str:
    """Versions, device, commit, and the fingerprints of data and weights."""
    manifest, summary = run.manifest(), run.summary()
    about = manifest.get("data") or {}
    rows = [
        ("run", str(run.path)),
        ("started", manifest.get("created")),
        ("finished", manifest.get("finished")),
        ("econml", manifest.get("econml")),
        *((manifest.get("versions") or {}).items()),
        ("device", manifest.get("device")),
        ("git commit", manifest.get("git_commit")),
        ("data, sha256 of the file", about.get("sha256")),
        ("data, fingerprint of the arrays", about.get("fingerprint")),
        ("weights, sha256", summary.get("state_sha256")),
    ]
    return table(Grid(("", ""), tuple((name, str(value)) for name, value in rows if value)), kind="text")
