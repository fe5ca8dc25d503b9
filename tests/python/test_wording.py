"""Messages of the command line in the words of Python."""

import pytest

from econml_cli.errors import ConfigError, RunError
from econml_cli.options import synonyms
from econml_cli.python.wording import in_python, speaking_python


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("--lr must be a number > 0, got -1.", "lr must be a number > 0, got -1."),
        (
            "Try a smaller --lr, --grad-clip 1, or --schedule warmup_cosine.",
            "Try a smaller lr, grad_clip=1, or schedule='warmup_cosine'.",
        ),
        ("Choose a smaller --schedule than that.", "Choose a smaller schedule than that."),
        ("leave out --no-bias, or --bias=false", "leave out bias=False, or bias=False"),
        ("add --force to replace it, or choose another --out.", "add force=True to replace it, or choose another out."),
        ("--quantiles .1,.9 cross; --delta 1e-3.", "quantiles=(.1, .9) cross; delta=1e-3."),
        ("if it means missing: --na-values a,b.", "if it means missing: na_values='a,b'."),
        ("needs --target COLUMN, or --formula such as 'y ~ x'", "needs target='COLUMN', or formula such as 'y ~ x'"),
        ("--formula 'log(y) ~ x' is wrong", "formula='log(y) ~ x' is wrong"),
        ("--vcov cluster:firm: two values", "vcov='cluster:firm': two values"),
        ("with `econml fit mlp --folds 5` in a shell", "with `econml fit mlp --folds 5` in a shell"),
        (
            "Stopped; continue with: econml fit --resume 'runs/my fit'",
            "Stopped; continue with: econml_cli.load('runs/my fit').resume()",
        ),
        (
            '`econml fit linear --weight-decay 0.01 --data FILE --formula "y ~ x"`, as `econml eval` shows.',
            "econml_cli.fit('linear', weight_decay=0.01, data=FILE, formula='y ~ x'), as `econml eval` shows.",
        ),
        ("an em dash -- and x--y are none", "an em dash -- and x--y are none"),
    ],
)
def test_flags_are_arguments(typed, said):
    assert in_python(typed) == said
    assert in_python(said) == said


def test_an_error_keeps_its_kind_and_what_it_came_from():
    @speaking_python()
    def work():
        raise RunError("choose another --out.") from ValueError("x")

    with pytest.raises(RunError, match=r"^choose another out\.$") as raised:
        work()
    assert isinstance(raised.value.__cause__, ValueError)
    with pytest.raises(ConfigError, match=r"^lr must"), speaking_python():
        raise ConfigError("--lr must be > 0.")


@pytest.mark.parametrize(
    ("name", "says"),
    [("learning_rate", "It is called lr here."), ("Epochs", "It is called num_epochs here."),
     ("num_epoch", "Did you mean 'num_epochs'?"), ("qqqq", ""),
     ("robust", "Standard errors are chosen after the fit, for the same coefficients: run.evaluate(vcov=\"HC1\"), or "
      "cluster:COLUMN.")],
)  # fmt: skip
def test_an_option_by_the_name_of_another_program_is_known(name, says):
    known = ["lr", "num_epochs", "decay_rate"]
    assert synonyms.meant(name, known).strip() == says
    assert "learning_rate" not in synonyms.meant("learning_rate", ["decay_rate"])


def test_what_options_are_called_here_is_the_name_of_an_option():
    from econml_cli.python.wording import _options

    assert {*synonyms.CALLED.values()} <= {*_options()} and not {*synonyms.CALLED} & {"lr", "num_epochs", "width"}
