"""From the name of a model to its row and its class: of ours (table.py), of an installed package, or of a file."""

from importlib import import_module
from typing import Any

from econml_cli.errors import ConfigError
from econml_cli.models.table import MODELS, ModelEntry
from econml_cli.options import plugins, signature

#: the entry points by which installed packages offer models
GROUP = "econml_cli.models"
#: what a constructor is given beside its options
GIVEN = ("din", "dout", "shape", "n", "param_dtype", "rngs")

_LINEAR = "'{{}}' is model linear here, {}: `econml fit linear --data FILE --formula \"y ~ x1 + x2\"`"
_OLS = _LINEAR.format("by least squares") + ", with its coefficients from `econml eval`."
_LOGIT = _LINEAR.format("of a target with two values, by maximum likelihood") + " (--loss binary)."
_NO = "There is no {{}} here. {} Other models: `econml inspect models`."
#: estimators by the names that other programs have for them -> the command that does it here, or comes nearest
ESTIMATORS = {
    **dict.fromkeys(("ols", "reg", "regress", "lm"), _OLS),
    **dict.fromkeys(("logit", "logistic"), _LOGIT),
    "probit": _NO.format(
        'A target with two values is fitted by logit: `econml fit linear --data FILE --formula "y ~ x1 + x2" '
        "--loss binary`, whose effects on the probability (`econml eval effects`) are near those of probit."
    ),
    **dict.fromkeys(
        ("lasso", "ridge", "elasticnet", "elastic_net"),
        _NO.format(
            "A penalty on squared weights shrinks too: `econml fit linear --weight-decay 0.01 --data FILE --target y`, "
            "or kernel ridge: `econml fit kernel --ridge 0.1 --data FILE --target y`."
        ),
    ),
}


def get(name: str) -> ModelEntry:
    """The row of one model: of ours, of an installed package, or of a file (`./mymodel.py:MyNet`).

    Raises:
        ConfigError: no such model (the nearest name is suggested), or one that cannot be offered.
    """
    if name.lower() in ESTIMATORS and name not in plugins.offered(GROUP):
        raise ConfigError(ESTIMATORS[name.lower()].format(name))
    return plugins.find(name, MODELS, GROUP, _entry)


def _entry(cls: type, target: str) -> ModelEntry:
    _check(cls, target)
    declared = signature.options_from(cls, GIVEN)
    return ModelEntry(target, declared, signature.help_line(cls), recipe=signature.recipe_of(cls))


def _check(cls: type, target: str) -> None:
    from flax import nnx  # the class has imported it already, if it is a module

    like = "`econml inspect models --template` prints one that works."
    if not issubclass(cls, nnx.Module):
        raise ConfigError(f"{target} is no model: {cls.__name__} must be a flax.nnx.Module; {like}")
    if not any("__call__" in vars(base) for base in cls.__mro__):
        raise ConfigError(
            f"{target} is no model: {cls.__name__} lacks __call__(self, x), [n, din] -> [n, dout]; {like}"
        )


def load(name: str) -> Any:
    """Import and return the module class of one model (this is where jax and flax come in).

    Raises:
        ConfigError: as `get`.
    """
    if name in MODELS:
        return _import(MODELS[name].target)
    get(name)  # says what is wrong with the name
    found = plugins.load(name, GROUP)
    assert found is not None
    return found[0]


def _import(target: str) -> Any:
    module, _, cls = target.partition(":")
    return getattr(import_module(module), cls)
