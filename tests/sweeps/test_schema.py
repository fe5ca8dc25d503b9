"""Reading and checking W&B sweep files: what passes, and what each problem is called."""

from pathlib import Path

import pytest

from econml_cli.errors import ConfigError
from econml_cli.sweeps.spec import schema
from econml_cli.sweeps.spec.sample import render
from tests.support import ROOT

FIT = 'command: ["${env}", econml, fit, mlp, "${args}"]\n'
HEAD = "method: random\nmetric: {name: val_loss, goal: minimize}\n"
THEIRS = "program: train.py\nmethod: random\nparameters: {x: {min: 0, max: 1}}\n"


def problems(text):
    """The problems, each "LINE: text" (or the one sentence)."""
    with pytest.raises(ConfigError) as refused:
        schema.parse(text, Path("s.yaml"))
    assert refused.value.exit_code == 2
    lines = str(refused.value).splitlines()
    return [line.removeprefix("s.yaml:") for line in (lines if len(lines) == 1 else lines[1:])]


def ours(parameters, head=HEAD, command=FIT):
    return schema.parse(f"{head}{command}parameters:\n  {parameters}\n", Path("s.yaml"))


def fails(parameters, head=HEAD, command=FIT):
    (problem,) = problems(f"{head}{command}parameters:\n  {parameters}\n")
    return problem


@pytest.mark.parametrize("name", ["lecture", "lr_width", "seeds", "wage"])
def test_the_sweeps_that_are_shipped_pass_without_a_note(name):
    sweep = schema.load(ROOT / "sweeps" / f"{name}.yaml")
    assert sweep.name == name and sweep.target is not None and sweep.notes == ()
    assert sweep.command[:3] == ("${env}", "econml", "fit") and sweep.command[-1] == "${args}"


def test_the_lectures_sweep_is_the_lectures():
    sweep = schema.load(ROOT / "sweeps/lecture.yaml")
    drawn = {p.name: p.distribution for p in sweep.space.parameters}
    assert sweep.method == "bayes" and list(drawn) == ["lr", "width", "num_epochs"]
    assert (drawn["lr"].min, drawn["lr"].max) == (0.0001, 0.01)
    assert drawn["width"].values == (64, 128, 256) and drawn["num_epochs"].value == 300


def test_a_program_of_others_is_checked_as_wandb_would_and_nothing_more():
    sweep = schema.parse(
        "program: train.py\nmethod: bayes\nmetric: {name: validation_loss, goal: minimize, target: 0.1}\n"
        "early_terminate: {type: hyperband, s: 2, eta: 3, max_iter: 27}\n"
        "parameters:\n  learning_rate: {min: 0.0001, max: 0.1}\n  optimizer: {values: [adam, sgd]}\n"
        "  nested:\n    parameters:\n      beta: {values: [0.9, 0.95]}\n",
        Path("s.yaml"),
    )
    assert [p.name for p in sweep.space.parameters] == ["learning_rate", "optimizer", "nested.beta"]
    assert sweep.target is None and sweep.program == "train.py" and sweep.notes == ()


def test_every_problem_is_listed_with_its_line():
    text = (
        "method: baye\nmetric:\n  nme: loss\n  goal: minimise\nparamters: {}\n"
        "parameters:\n  lr: {min: 2, max: 1}\n  width: 3\nrun_cap: 0\nrun_cap: 5.5\n"
    )
    assert problems(text) == [
        "1: `method` must be one of bayes, random, grid, custom, got 'baye'. Did you mean 'bayes'?",
        "2: `metric` needs a `name`, such as val_loss.",
        "3: unknown key 'metric.nme'. Did you mean 'name'?",
        "4: `metric.goal` must be one of minimize, maximize, got 'minimise'. Did you mean 'minimize'?",
        "5: unknown key 'paramters'. Did you mean 'parameters'?",
        "7: lr: min 2 is not less than max 1.",
        "8: width: write `width: {value: 3}` for a constant.",
        "10: 'run_cap' is given twice (first in line 9).",
        "10: `run_cap` must be an integer, got 5.5.",
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("method: random\n", "1: `parameters` is missing"),
        ("program: a.py\nparameters: {x: {value: 1}}\n", "1: `method` is missing"),
        ("program: a.py\nmethod: random\nparameters: {}\n", "3: `parameters` must list at least one"),
        ("program: a.py\nmethod: random\nparameters: {3x: {value: 1}}\n", "3: '3x' is no parameter name"),
        ("program: a.py\nmethod: bayes\nparameters: {x: {min: 0, max: 1}}\n", "2: method bayes needs a `metric`"),
        (THEIRS + "early_terminate: {type: hyperband, min_iter: 3}\n", "4: `early_terminate` needs a `metric`"),
        (THEIRS + "metric: {name: a}\nearly_terminate: {type: hyperband}\n", "5: hyperband needs `min_iter`"),
        (THEIRS + "metric: {name: a}\nearly_terminate: {type: hyperband, min_iter: 0}\n", "must be >= 1"),
        (THEIRS + "metric: loss\n", "4: `metric` must be a mapping with name"),
        (THEIRS + "metrics: [{name: a}, {name: a}]\n", "4: a is among the metrics twice"),
        (THEIRS + "metrics: [{name: a}, {goal: minimize}]\n", "4: each of `metrics` needs a `name`"),
        (THEIRS + "metrics: [{name: a}, {name: b, target: 1}]\n", "4: a `target` is of one `metric`"),
        (
            THEIRS + "metrics: [{name: a}, {name: b}]\nearly_terminate: {type: hyperband, min_iter: 3}\n",
            "5: `early_terminate` compares one `metric`",
        ),
        (THEIRS.replace("random", "custom") + "metrics: [{name: a}]\n", "4: `metrics` are two or more"),
        (THEIRS + "scheduler: {source: a.py}\n", "4: `scheduler` needs an `engine`"),
        (THEIRS + "scheduler: {engine: optuna}\n", "2: `scheduler.engine: optuna` goes with method custom"),
        (THEIRS + "scheduler: {engine: wandb, optimizer: f}\n", "4: `scheduler.optimizer` is in a file: add `source`"),
        (THEIRS.replace("min: 0", "distribution: [uniform], min: 0"), "3: x: there is no distribution '['uniform']'"),
        (THEIRS.replace("min: 0", "distribution: [], min: 0"), "3: x: there is no distribution '[]'"),
        (THEIRS + "command: 3\n", "4: `command` must be a list"),
        (THEIRS + "command: python train.py\n", "4: `command` must be a list"),
        (THEIRS + 'command: [python, "${agrs}"]\n', "4: agents know no ${agrs}. Did you mean '${args}'?"),
        (THEIRS + "command: []\n", "4: `command` is empty"),
        (THEIRS + "run_cap: true\n", "4: `run_cap` must be an integer"),
        (THEIRS + "run_cap: -1\n", "4: `run_cap` must be > 0"),
        (THEIRS.replace("random", "grid").replace("1}", "1.0}"), "3: x is uniform: method grid cannot enumerate it"),
        ("program: a.py\nmethod: random\nparameters:\n  a:\n    parameters: {b: {value: 1}}\n    value: 2\n", "6: a: "),
        (
            "program: a.py\nmethod: random\nparameters:\n  a.b: {value: 1}\n  a: {parameters: {b: {value: 1}}}\n",
            "5: two",
        ),
    ],
)
def test_a_problem_is_one_sentence_with_its_line(text, says):
    (problem,) = problems(text)
    assert problem.startswith(says) or says in problem


def test_a_variable_stands_for_its_value_anywhere_in_a_word(monkeypatch):
    monkeypatch.setenv("ROOT", "data")
    command = 'command: [econml, fit, mlp, "--N=${envvar:MANY}0", "--name", "${envvar:ROOT}", "${args}"]\n'
    assert "--N must be an integer" in fails("lr: {value: 0.1}", command=command)
    monkeypatch.setenv("MANY", "4")
    sweep = ours("lr: {value: 0.1}", command=command)
    assert sweep.target.fixed == {"N": "40", "name": "data"} and sweep.notes == ()
    [line] = render(sweep, [{"lr": 0.1}], "commands").splitlines()
    assert line == "econml fit mlp --N=40 --name data --lr=0.1"
    monkeypatch.delenv("ROOT")
    assert "the variable ROOT is not set here" in ours("lr: {value: 0.1}", command=command).notes[0]


@pytest.mark.parametrize("notation", ["${args}", "${args_no_equals}", "${args_no_boolean_flags}"])
def test_econml_fit_reads_its_parameters_in_any_notation_of_options(notation):
    command = f'command: [econml, fit, mlp, "{notation}"]\n'
    assert ours("lr: {value: 0.1}", command=command).target.model == "mlp"
    assert "takes its parameters from" in fails("lr: {value: 0.1}", command=command.replace(notation, "${args_json}"))


def test_notes_tell_of_what_the_engine_refuses_and_of_trials_that_keep_their_last_epoch():
    head = HEAD + "early_terminate: {type: hyperband, min_iter: 2, eta: ETA}\n"
    [eta, patience] = ours("lr: {value: 0.1}", head.replace("ETA", "1.5")).notes
    assert "s.yaml:3: `econml sweep run` needs an integer `eta`, not 1.5" in eta and "--patience 20" in patience
    assert ours("patience: {min: 1, max: 9}", head.replace("ETA", "2")).notes == ()
    command = FIT.replace("mlp", "mlp, --patience=5")
    assert ours("lr: {value: 0.1}", head.replace("ETA", "2.0"), command).notes == ()


def test_a_bayes_sweep_needs_something_that_varies():
    head = "method: bayes\nmetric: {name: val_loss}\n"
    assert "needs a parameter that varies" in fails("lr: {value: 0.1}", head)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "s.yaml is empty"),
        ("- a\n- b\n", "is not a list of `key: value` lines"),
        ("a: [1\nb: 2", "2: not valid YAML: expected"),
        ("a: \x00", "not valid YAML"),
        (
            "x: !!python/object/apply:os.system [ls]",
            "1: not valid YAML: tag:yaml.org,2002:python/object/apply:os.system",
        ),
        ("a: &a\n  b: *a\n", "not valid YAML: it contains itself"),
        ("a: " + "[" * 5000, "1: not valid YAML: it is nested more than 50 deep"),
        ("a: 2020-13-45", "1: not valid YAML: a: 2020-13-45 is a date"),
    ],
)
def test_what_is_not_a_sweep_at_all_is_one_sentence(text, says):
    (problem,) = problems(text)
    assert says in problem


def test_aliases_that_multiply_are_refused_before_memory_is_full():
    lines = ["a0: &a0 [1, 1]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]
    (problem,) = problems("\n".join(lines))
    assert "more than 100,000 values" in problem


def test_merged_mappings_are_read_and_their_keys_are_not_duplicates():
    text = THEIRS.replace("{x: {min: 0, max: 1}}", "\n  a: &a {min: 0, max: 1}\n  b: {<<: *a, max: 3}")
    assert schema.parse(text, Path("s.yaml")).space.parameters[1].distribution.max == 3


def test_a_missing_file_says_how_to_get_one():
    with pytest.raises(ConfigError, match=r"nope\.yaml: no such file; `econml sweep create` writes one"):
        schema.load(Path("nope.yaml"))


def test_1e_4_is_a_number_and_the_file_is_told_that_wandb_reads_text():
    sweep = ours("lr: {distribution: log_uniform_values, min: 1e-4, max: 1e-2}")
    assert sweep.space.parameters[0].distribution.min == 1e-4
    assert sweep.notes[0] == "s.yaml:5: W&B reads 1e-4 as text; write 1.0e-4 for a number everywhere."
    assert ours("init: {values: [lecun_normal]}").notes == ()


def test_quoted_numbers_stay_text():
    assert "`min` must be a number in the range of floats, got '1e-4'" in fails("lr: {min: '1e-4', max: 1.0}")


@pytest.mark.parametrize(
    ("parameter", "says"),
    [
        ("members: {values: [2, 4]}", "5: members: a trial is one fit; leave it out"),
        ("widht: {values: [1]}", "5: 'widht' is no option of mlp on linear. Did you mean 'width'?"),
        ("lr: {min: 0.0, max: 0.1}", "5: lr: must be a number > 0, got 0.0 (uniform gives 0 to 0.1)."),
        ("momentum: {min: 0.5, max: 1.0}", "must be a number >= 0 and < 1, got 1.0"),
        ("lr: {distribution: normal, mu: 0.1, sigma: 1}", "5: lr: must be a number > 0, got -8."),
        ("width: {min: 16.0, max: 64.0}", "5: width must be an integer; use int_uniform"),
        ("width: {distribution: q_uniform, min: 16, max: 64, q: 0.5}", "5: width must be an integer"),
        ("width: {values: [16, 16.5]}", "must be an integer >= 1, got 16.5"),
        ("activation: {values: [relu, tahn]}", "got 'tahn'. Did you mean 'tanh'"),
        ("activation: {min: 1, max: 3}", "must be one of relu"),
        ("optimizer: {parameters: {lr: {value: 1}}}", "'optimizer.lr' is no option"),
        ("problem: {values: [linear, tabula]}", "Unknown problem 'tabula'"),
        ("N: {values: [[1, 2]]}", "must be one value, got [1, 2]"),
    ],
)
def test_parameters_of_econml_fit_are_checked_against_its_options(parameter, says):
    assert says in fails(parameter)


def test_what_every_draw_of_can_be_had_passes():
    sweep = ours(
        "lr: {distribution: normal, mu: 0.1, sigma: 0.01}\n  width: {values: [16, 32.0]}\n  N: {min: 5, max: 9}"
    )
    assert sweep.typed({"lr": 0.1, "width": 32.0, "N": 5}) == {"lr": 0.1, "width": 32, "N": 5}
    assert type(sweep.typed({"width": 32.0})["width"]) is int


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ('[econml, fit, mpl, "${args}"]', "Unknown model 'mpl'"),
        ('[econml, fit, mlp, deep, "${args}"]', "'deep' in the command is neither"),
        ('[econml, fit, mlp, --problem=liner, "${args}"]', "Unknown problem 'liner'"),
        ('[econml, fit, mlp, --members=3, "${args}"]', "members: a trial is one fit"),
        ('[econml, fit, mlp, --widht=3, "${args}"]', "'widht' is no option of mlp on linear. Did you mean 'width'?"),
        ('[econml, fit, mlp, --width, "0", "${args}"]', "--width must be an integer >= 1, got '0'"),
        ('[econml, fit, mlp, --lr=1, "${args}"]', "lr is a parameter and in the command too"),
        ("[econml, fit, mlp]", 'econml fit takes its parameters from "${args}"'),
        ('[econml, fit, mlp, "${args_json}"]', 'econml fit takes its parameters from "${args}"'),
        ('[python, -m, econml_cli, fit, mpl, "${args}"]', "Unknown model 'mpl'"),
    ],
)
def test_the_command_of_econml_fit_is_checked(command, says):
    assert says in fails("lr: {min: 0.1, max: 0.2}", command=f"command: {command}\n")


def test_the_problem_can_come_from_a_parameter_or_from_data():
    data = 'command: [econml, fit, "${args}"]\n'
    sweep = ours("data: {value: a.csv}\n  val_fraction: {min: 0.1, max: 0.3}", command=data)
    assert (sweep.target.model, sweep.target.problem) == ("mlp", "tabular")
    sweep = ours("problem: {value: tabular}\n  group: {value: town}", command=data)
    assert sweep.target.problem == "tabular"


def test_tuning_on_the_test_set_is_allowed_with_a_warning():
    (note,) = ours("lr: {value: 0.1}", HEAD.replace("val_loss", "test_loss")).notes
    assert note.startswith("s.yaml:2: test_loss tunes on the test set")


def test_a_misspelt_metric_fails_now_and_not_after_the_first_trial():
    assert "logs no metric 'val_los'. Did you mean 'val_loss'?" in fails(
        "lr: {value: 0.1}", HEAD.replace("_loss", "_los")
    )


def test_exponents_that_look_like_values_are_noted():
    (note,) = ours("lr: {distribution: log_uniform, min: 0.0001, max: 0.1}").notes
    assert "takes exponents of e, so values run from 1 to 1.105" in note


def test_agents_that_would_start_python_econml_are_noted():
    (note,) = schema.parse(THEIRS.replace("train.py", "econml"), Path("s.yaml")).notes
    assert "agents will start `python econml`; add `command:" in note
