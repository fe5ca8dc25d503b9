"""What other programs call the options of a fit: Keras, Lightning, scikit-learn, PyTorch, Stata, R."""

from collections.abc import Container, Iterable

from econml_cli.errors import suggest

#: a name elsewhere -> the name here
CALLED = {
    **dict.fromkeys(("learning_rate", "learning_rate_init", "eta", "step_size", "alpha"), "lr"),
    **dict.fromkeys(("epochs", "epoch", "max_epochs", "n_epochs", "max_iter", "iterations", "steps"), "num_epochs"),
    **dict.fromkeys(("batch", "minibatch_size"), "batch_size"),
    **dict.fromkeys(("hidden", "hidden_size", "hidden_sizes", "hidden_dim", "hidden_layer_sizes", "units"), "width"),
    **dict.fromkeys(("layers", "num_layers", "n_layers", "hidden_layers"), "depth"),
    **dict.fromkeys(("l2", "penalty"), "weight_decay"),
    **dict.fromkeys(("clipnorm", "gradient_clip_val", "max_grad_norm", "clip"), "grad_clip"),
    **dict.fromkeys(("early_stopping", "n_iter_no_change", "early_stopping_rounds"), "patience"),
    **dict.fromkeys(("random_state", "random_seed"), "seed"),
    **dict.fromkeys(("validation_split", "validation_fraction", "val_split", "val_size"), "val_fraction"),
    **dict.fromkeys(("test_split", "test_size"), "test_fraction"),
    **dict.fromkeys(("y", "dependent", "depvar", "outcome", "response", "label"), "target"),
    **dict.fromkeys(("x", "inputs", "predictors", "regressors", "covariates"), "features"),
    **dict.fromkeys(("cv", "k_folds", "kfold", "n_splits"), "folds"),
    **dict.fromkeys(("cluster", "groups"), "group"),
    **dict.fromkeys(("dtype", "float"), "precision"),
    **dict.fromkeys(("n_estimators", "ensemble", "num_seeds"), "members"),
    **dict.fromkeys(("objective", "criterion", "family"), "loss"),
    **dict.fromkeys(("csv", "file", "dataset", "path"), "data"),
}

#: values that an economist types: a name elsewhere -> the name here, as which it is read
_READ_AS = {"squared": "mse", "logit": "binary", "multinomial": "multiclass"}
#: and what others call losses: a name elsewhere -> the name here
CHOICES_CALLED = {
    **dict.fromkeys(("squared_error", "l2", "ols", "least_squares", "regression"), "mse"),
    **dict.fromkeys(("logistic", "log_loss", "bce", "binary_crossentropy", "binomial"), "binary"),
    **dict.fromkeys(("mlogit", "softmax", "cross_entropy", "crossentropy"), "multiclass"),
    **dict.fromkeys(("pinball", "qreg", "median", "lad", "l1", "mae"), "quantile"),
    **dict.fromkeys(("ppml", "count", "counts"), "poisson"),
}

#: what other programs ask for with the fit, and is chosen after it here: standard errors
AFTER_THE_FIT = ("vcov", "vce", "cov_type", "se_type", "robust")


def named(word: str, known: Container[str]) -> str:
    """A value by its name here, where that is one of the `known`: "mse" of "squared"; another as it is."""
    here = _READ_AS.get(word, word)
    return here if here in known else word


def choice(word: str, known: Iterable[str]) -> str:
    """What to say of a value that is none of the `known`: what it is called here, " Did you mean 'x'?", or ""."""
    known = list(known)
    if (here := CHOICES_CALLED.get(word.lower())) in known:
        return f" It is called '{here}' here."
    return suggest(word, known)


def meant(name: str, known: Iterable[str], flags: bool = False) -> str:
    """What to say of an option that there is none of: where it is, what it is called here, " Did you mean 'x'?", or "".

    Args:
        name: with underscores. known: the options that there are, likewise. flags: whether they are shown as --flags.
    """
    known = list(known)

    def shown(option: str) -> str:
        return "--" + option.replace("_", "-") if flags else option

    if name.lower() in AFTER_THE_FIT:
        how = "`econml eval RUN --vcov HC1`" if flags else 'run.evaluate(vcov="HC1")'
        return f" Standard errors are chosen after the fit, for the same coefficients: {how}, or cluster:COLUMN."
    if (here := CALLED.get(name.lower())) in known and here is not None:
        return f" It is called {shown(here)} here."
    return suggest(shown(name), [shown(option) for option in known])
