"""What the JSON files of a run hold, as far as anybody reads it: a file that is not of this shape is damaged."""

from typing import Any

from econml_cli.data.schema_shape import SCHEMA
from econml_cli.storage.json_shape import (
    HEX,
    INTEGER,
    NUMBER,
    OBJECT,
    SWITCH,
    TEXT,
    TEXTS,
    Each,
    Kind,
    Nullable,
    Shape,
    at_least,
    check,
    listed,
    one_of,
    optional,
)


def _holds(value: Any, shape: Shape) -> bool:
    try:
        check(value, shape)
    except ValueError:
        return False
    return True


#: no axis of an array of ours is longer
LONGEST = 2**40
_SIZE = Kind("an integer from 1 to 2^40", lambda value: INTEGER.holds(value) and 1 <= value <= LONGEST)
_COUNT = at_least(0)
_MAYBE, _WORDS = optional(NUMBER), optional(TEXT)

_LOSSES = {f"{split}_loss?": _MAYBE for split in ("train", "val", "test")}

#: what a problem says of its data (`describe`), and what is added to it
DATA: Shape = {
    "fingerprint?": TEXT,
    "moments?": Each(listed(_MAYBE)),
    "features?": TEXTS,
    "path?": _WORDS,
    "sha256?": _WORDS,
    "rows?": optional(_COUNT),
    "rows_dropped?": optional(_COUNT),
    "rows_untold?": optional(_COUNT),
}
MANIFEST: Shape = {
    "schema?": _COUNT,
    "id?": HEX,
    "status?": TEXT,
    "process?": Nullable({"host?": TEXT, "pid?": INTEGER}),
    "created?": TEXT,
    "finished?": TEXT,
    "command?": _WORDS,
    "econml?": TEXT,
    "versions?": Each(TEXT, keyed=True),
    "device?": _WORDS,
    "hardware?": Nullable(
        {"system?": TEXT, "processor?": TEXT, "cores?": optional(INTEGER), "memory?": optional(INTEGER)}
    ),
    "git_commit?": _WORDS,
    "cwd?": TEXT,
    "shapes?": {
        "din": _SIZE,
        "dout": _SIZE,
        "n_train?": _COUNT,
        "x?": listed(_SIZE),
        "absorbed?": listed(_SIZE),
        "embedded?": Each(listed(_SIZE)),
    },
    "own_code?": Each({"reference": TEXT, "path": TEXT, "sha256": HEX}, keyed=True),
    "num_params?": _COUNT,
    "data?": DATA,
    "solution?": Each(_MAYBE, keyed=True),
    "seconds?": {"seconds_training?": NUMBER, "seconds_total?": NUMBER},
    "sweep?": {"name?": TEXT, "trial?": _COUNT, "params?": OBJECT},
}
_WIDE = Kind(
    "[columns, rows, a name]",
    lambda value: (
        isinstance(value, list) and [type(each) for each in value] in ([int, int, str], [int, int, type(None)])
    ),
)
SUMMARY: Shape = {
    "model?": TEXT,
    "problem?": TEXT,
    "stop_reason?": TEXT,
    "epochs?": _COUNT,
    "best_epoch?": _MAYBE,
    "diverged_epoch?": _COUNT,
    "diverged?": _COUNT,
    "members?": _COUNT,
    "seeds_passed?": _COUNT,
    "failed?": TEXT,
    "num_params?": _COUNT,
    "n_train?": _COUNT,
    "seconds_training?": NUMBER,
    "seconds_total?": NUMBER,
    "state_sha256?": TEXT,
    **_LOSSES,
    "val_rose?": listed(NUMBER),
    "unregularised?": listed(_COUNT),
    "linear_val_loss?": NUMBER,
    "data_notes?": optional(TEXTS),
    "wide?": optional(_WIDE),
    "not_converged?": _WORDS,
    "not_identified?": optional(TEXTS),
    "separated?": optional(TEXTS),
    "no_information?": optional(TEXTS),
    "series_autocorrelation?": _MAYBE,
    "series_along?": _WORDS,
    "verdict_*?": TEXT,
}
METRICS: Shape = {"epoch": _COUNT, **_LOSSES}
_SCALAR = Kind("a scalar", lambda value: not isinstance(value, dict | list))
_LEARNT = {"levels?": Each(Each(_SCALAR), keyed=True)}
PREPROCESSING: Shape = {
    "version?": INTEGER,
    "specification?": {"text": _WORDS, "target": _WORDS, "features": TEXTS},
    "missing?": TEXT,
    "features?": {
        **_LEARNT,
        "learnt?": OBJECT,
        "names?": TEXTS,
        "mean?": listed(NUMBER),
        "scale?": listed(NUMBER),
        "idle?": TEXTS,
    },
    "target?": {"task?": TEXT, "learnt?": OBJECT, "mean?": optional(NUMBER), "scale?": optional(NUMBER)},
    "binary?": optional(TEXTS),
    "loss?": _WORDS,
    "fills?": Each(_SCALAR, keyed=True),
    "constant?": SWITCH,
    "schema?": SCHEMA,
    "entities?": Each({"columns": TEXTS, "levels": TEXTS, "unseen": listed(_COUNT), "width": optional(INTEGER)}),
}
_ENDS: Shape = {"value?": _MAYBE, "standard_error?": _MAYBE, "low?": _MAYBE, "high?": _MAYBE, "caveat?": _WORDS}
_SPREAD_OVER: Shape = {**_ENDS, "value": _MAYBE, "sd": _MAYBE}
#: a mean over folds has a standard deviation; other words of the results are none of ours
_MEAN = Kind(
    "a mean with its value and sd",
    lambda value: not isinstance(value, dict) or "sd" not in value or _holds(value, _SPREAD_OVER),
)
_TABLE: Shape = {
    "model": TEXT,
    "problem": TEXT,
    "folds": at_least(2),
    "fold": Each({"fold": _COUNT, "status": TEXT, "n_train": _COUNT, "n_test": _COUNT}),
    "pooled": Each(_ENDS, keyed=True),
    "train_*?": _MEAN,
    "val_*?": _MEAN,
    "test_*?": _MEAN,
}
FOLDS: Shape = {
    "status?": TEXT,
    "created?": TEXT,
    "command?": _WORDS,
    "model?": TEXT,
    "problem?": TEXT,
    "folds?": at_least(2),
    "results?": Nullable(_TABLE),
    "shown?": optional(TEXTS),
}
_ESTIMATED: Shape = {"value": NUMBER, "standard_error": NUMBER}
_NUISANCE: Shape = {
    "name": TEXT,
    "of": TEXT,
    "rows": _COUNT,
    "loss": TEXT,
    "r2": _MAYBE,
    "log_loss": _MAYBE,
}
_SPREAD: Shape = {"group": TEXT, "rows": _COUNT, "quantiles": listed(NUMBER)}
#: what came of an estimate of a treatment effect: `causal.effect.Effect` without its path
EFFECT: Shape = {
    "model": one_of("plr", "irm", "iivm"),
    "target": TEXT,
    "treatment": TEXT,
    "instrument": _WORDS,
    "cluster": _WORDS,
    "n": _SIZE,
    "dropped": _COUNT,
    "clusters": optional(_SIZE),
    "controls": TEXTS,
    "nuisance": TEXT,
    "folds": at_least(2),
    "estimate": _ESTIMATED,
    "repeats": Each(_ESTIMATED),
    "nuisances": Each(_NUISANCE),
    "overlap": Nullable({"trim": NUMBER, "trimmed": NUMBER, "groups": Each(_SPREAD)}),
    "compliers": Nullable(_ESTIMATED),
    "notes": TEXTS,
}
ESTIMATE: Shape = {
    "status": TEXT,
    "econml?": TEXT,
    "created?": TEXT,
    "command?": _WORDS,
    "model?": TEXT,
    "options": OBJECT,
    "data": {"sha256": TEXT},
    "results?": EFFECT,
}
