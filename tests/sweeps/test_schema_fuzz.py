"""Whatever a sweep file holds, `sweep check` answers with a sweep or with what to change; it never crashes."""

from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings

from econml_cli.errors import ConfigError
from econml_cli.sweeps.spec import schema
from tests.support.sweep_documents import ANYTHING, DOCUMENTS


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(DOCUMENTS)
def test_any_file_of_wandbs_keys_is_a_sweep_or_a_list_of_what_to_change(document: Any):
    answered(document)


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(ANYTHING)
def test_so_is_any_yaml_at_all(document: Any):
    answered(document)


def answered(document: Any) -> bool:
    """Whether the document is a sweep; a refusal names the file."""
    try:
        sweep = schema.parse(yaml.safe_dump(document), Path("s.yaml"))
    except ConfigError as error:
        assert str(error).startswith("s.yaml")
        return False
    assert sweep.path == Path("s.yaml") and sweep.name == (document.get("name") or "s")
    return True
