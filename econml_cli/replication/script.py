"""verify.sh: fits everything again, makes the exhibits again, and compares every number."""

import shlex
from collections.abc import Sequence

from econml_cli.replication.exhibits import STDOUT, Exhibit
from econml_cli.replication.gather import Part

_HEAD = """\
#!/bin/sh
# Fits everything again into rerun/, and compares every number with those in expected/:
#
#     sh verify.sh
#
# It needs econml (see README.md); ECONML=/path/to/econml and PYTHON=/path/to/python name others than those on PATH.
set -eu
cd "$(dirname "$0")"
econml=${ECONML:-econml}
python=${PYTHON:-python3}
command -v "$econml" > /dev/null || {
    echo "econml is not installed: python3 -m venv .venv && .venv/bin/pip install -r requirements.txt" >&2
    echo "then: ECONML=.venv/bin/econml sh verify.sh" >&2
    exit 1
}
case $econml in /*) ;; */*) econml=$PWD/$econml ;; esac
# options of the reader's own must not change what is fitted
for name in $(env | sed -n 's/^\\(ECONML_[A-Za-z0-9_]*\\)=.*/\\1/p'); do unset "$name"; done
export WANDB_MODE=disabled
"$python" compare.py data
mkdir -p rerun
again() { # NAME OPTION...: fit it again; a failed verdict (5) or a divergence (3) is a result, too
    name=$1
    shift
    echo "fitting $name"
    "$econml" fit --config "configs/$name.yaml" --out "rerun/$name" --force --quiet "$@" || {
        code=$?
        [ $code = 3 ] || [ $code = 5 ] || exit $code
    }
}
made() { # NAME WORD...: make an exhibit again
    name=$1
    shift
    echo "making $name"
    mkdir -p "rerun/exhibits/$name"
    (cd "rerun/exhibits/$name" && ECONML_RUNS_DIR=../.. ECONML_SOURCES=$sources "$econml" "$@" > STDOUT) || [ $? = 5 ]
}
"""


def verify(parts: Sequence[Part], exhibits: Sequence[Exhibit]) -> str:
    """The script of these."""
    sources = sorted({name for part in parts for name in part.sources})
    lines = [_HEAD.replace("STDOUT", STDOUT)]
    lines.append("sources=" + ":".join(f'"$PWD"/source/{shlex.quote(name)}' for name in sources))
    for part in parts:
        named = ",".join(f"source/{name}" for name in sorted(part.sources))
        lines.append(shlex.join(["again", part.name, *(["--source", named] if named else [])]))
    lines += [shlex.join(["made", exhibit.name, *exhibit.words]) for exhibit in exhibits]
    return "\n".join([*lines, '"$python" compare.py', ""])
