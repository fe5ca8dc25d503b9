"""A table of wages, for tests of the Python face."""

import numpy as np
import pandas as pd


def wages(n: int = 60) -> pd.DataFrame:
    """Columns educ, city, wage; the wage is linear in the others, with little noise."""
    draws = np.random.default_rng(0)
    frame = pd.DataFrame({"educ": draws.normal(12, 2, n), "city": draws.choice(["a", "b"], n)})
    return frame.assign(wage=5 + 0.5 * frame.educ + (frame.city == "b") + draws.normal(0, 0.1, n))
