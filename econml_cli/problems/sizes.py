"""How many observations the samples of a problem have that are drawn."""

from typing import Any


def sizes_of(options: Any) -> dict[str, int]:
    """Observations by split, of options N, N_test and N_val; one of the population is as large as that for the test."""
    return {"train": options.N, "test": options.N_test, "val": options.N_val, "population": options.N_test}
