"""What the compiled training of a config depends on. Imports nothing heavy: fits are grouped before jax is loaded."""

from collections.abc import Hashable

from econml_cli.config.fit_config import FitConfig
from econml_cli.options.fields import options_of

#: traced options whose zero switches a part of the optimizer off
_SWITCHES = ("momentum", "weight_decay", "grad_clip")
#: options that the compiled program never sees
_OUTSIDE = ("keep", "members")


def static(config: FitConfig) -> Hashable:
    """What the compiled training depends on besides the shapes of arrays.

    Two configs with the same one differ in numbers only: one program trains both, one after the other or in one `vmap`.
    """
    parts = (config.model_options, config.representation, config.problem_options, config.trainer)
    fixed = [
        (opt.name, getattr(part, opt.name))
        for part in parts
        for opt in options_of(type(part))
        if not opt.traced and opt.name not in _OUTSIDE
    ]
    switches = tuple(getattr(config.trainer, name) > 0 for name in _SWITCHES)
    return config.model, config.problem, tuple(fixed), switches
