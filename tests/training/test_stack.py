"""Fits side by side have the numbers that each would have alone."""

import jax
import numpy as np
import pytest

from econml_cli.config.fit_config import build
from econml_cli.training.loop.stack import Stack, same_shape
from econml_cli.training.loop.trainer import Trainer
from econml_cli.training.precision import precision
from econml_cli.training.setup.setup import Workshop
from econml_cli.training.step.carry import DIVERGED, RUNNING, STOPPED_EARLY
from econml_cli.training.step.compile_key import static
from econml_cli.training.step.programs import Programs

COMMON = {"N": 100, "N_test": 10, "N_val": 50, "width": 16, "num_epochs": 100}


def config(model="mlp", problem="linear", **options):
    return build(model, problem, [("test", COMMON | options if problem == "linear" else options)])


def alone(setup, programs):
    """(position, rows) of one fit."""
    trainer = Trainer(setup, programs)
    rows = [row for chunk in trainer.run() for row in map(chunk.rows.__getitem__, range(len(chunk.rows)))]
    return trainer.carry, rows


def side_by_side(stack, until=None):
    """{member: rows}."""
    rows = {}
    for chunks in stack.run(until):
        for member, chunk in chunks.items():
            rows.setdefault(member, []).extend(chunk.rows[i] for i in range(len(chunk.rows)))
    return rows


def assert_close(stack, members, setups, programs, rows, rtol):
    for member in members:
        carry, expected = alone(setups[member], programs)
        assert len(rows[member]) == len(expected)
        assert rows[member][-1]["val_loss"] == pytest.approx(expected[-1]["val_loss"], rel=rtol, nan_ok=True)
        assert rows[member][-1]["lr"] == expected[-1]["lr"]
        mine = stack.carry(member)
        assert (int(mine.epoch), int(mine.status)) == (int(carry.epoch), int(carry.status))
        assert np.array_equal(jax.random.key_data(mine.key), jax.random.key_data(carry.key))
        for a, b in zip(jax.tree.leaves(mine.params), jax.tree.leaves(carry.params), strict=True):
            np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * float(np.max(np.abs(b))))


@pytest.mark.slow
@pytest.mark.parametrize(
    "members",
    [
        pytest.param([{"lr": 1e-3}, {"lr": 3e-3}, {"lr": 1e-2}], id="learning rates over one full batch"),
        pytest.param(
            [{"lr": 1e-3, "batch_size": 32}, {"lr": 5e-3, "batch_size": 32}], id="learning rates over batches"
        ),
        pytest.param([{"seed": s, "batch_size": 32} for s in range(5)], id="seeds"),
        pytest.param(
            [
                {"optimizer": "sgd", "momentum": m, "weight_decay": w, "grad_clip": 1.0, "sigma": m}
                for m, w in [(0.5, 1e-3), (0.9, 1e-2)]
            ],
            id="every other number",
        ),
        pytest.param(
            [{"lr": lr, "schedule": "warmup_cosine", "optimizer": "adamw", "weight_decay": 0.1} for lr in (1e-3, 1e-2)],
            id="a schedule",
        ),
    ],
)
def test_after_100_epochs_every_member_is_where_its_own_fit_is(members):
    programs, workshop = Programs(), Workshop()
    setups = [workshop.assemble(config(**member)) for member in members]
    assert len({static(setup.config) for setup in setups}) == 1
    stack = Stack(setups, programs)
    rows = side_by_side(stack)
    assert_close(stack, range(len(members)), setups, programs, rows, 1e-5)


@pytest.mark.slow
def test_float64_members_agree_to_a_dozen_digits():
    with precision("float64"):
        programs, workshop = Programs(), Workshop()
        setups = [workshop.assemble(config(lr=lr, precision="float64", batch_size=32)) for lr in (1e-3, 1e-2)]
        stack = Stack(setups, programs)
        assert_close(stack, range(2), setups, programs, side_by_side(stack), 1e-11)


@pytest.mark.slow
def test_a_member_that_diverges_or_stops_early_leaves_the_others_alone():
    programs, workshop = Programs(), Workshop()
    options = {"optimizer": "sgd", "patience": 5, "sigma": 0.5, "batch_size": 25}
    setups = [workshop.assemble(config(**options, lr=lr)) for lr in (1e-2, 1e6, 1e-7, 3e-2)]
    stack = Stack(setups, programs)
    rows = side_by_side(stack)
    assert_close(stack, range(4), setups, programs, rows, 1e-5)
    statuses = [int(stack.carry(member).status) for member in range(4)]
    assert statuses[1] == DIVERGED and STOPPED_EARLY in statuses
    assert len(rows[1]) < len(rows[2])


@pytest.mark.slow
def test_a_dropped_member_stays_where_it_was_and_later_costs_nothing():
    programs, workshop = Programs(), Workshop()
    setups = [workshop.assemble(config(lr=lr, batch_size=10)) for lr in (1e-3, 2e-3, 3e-3, 4e-3)]
    stack = Stack(setups, programs)
    side_by_side(stack, until=10)
    before = jax.device_get(stack.carry(1).params)
    for member in (0, 1, 2):
        stack.drop(member)
    stack._compile_seconds = 0.0  # so that a smaller program pays at once
    rows = side_by_side(stack)
    assert list(rows) == [3] and stack._slots == [3]
    assert int(stack.carry(1).epoch) == 10
    jax.tree.map(np.testing.assert_array_equal, before, jax.device_get(stack.carry(1).params))
    carry, expected = alone(setups[3], programs)
    assert rows[3][-1]["epoch"] == 100
    assert rows[3][-1]["val_loss"] == pytest.approx(expected[-1]["val_loss"], rel=1e-5)
    assert int(stack.carry(3).status) == int(carry.status) == RUNNING


@pytest.mark.slow
def test_fits_of_one_seed_share_their_data_and_their_batches():
    workshop, programs = Workshop(), Programs()
    same = Stack([workshop.assemble(config(lr=lr, batch_size=10)) for lr in (1e-3, 2e-3)], programs)
    assert same._axes == (None, None, None) and same._alike
    other = Stack([workshop.assemble(config(seed=seed, batch_size=10)) for seed in (1, 2)], programs)
    assert other._axes == (0, 0, 0) and not other._alike


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ({"width": 8}, {"width": 16}),
        ({"batch_size": 10}, {"batch_size": 20}),
        ({"optimizer": "adam"}, {"optimizer": "sgd"}),
        ({"optimizer": "sgd", "momentum": 0.0}, {"optimizer": "sgd", "momentum": 0.9}),
        ({"num_epochs": 10}, {"num_epochs": 20}),
        ({"N": 100}, {"N": 101}),
        ({"activation": "relu"}, {"activation": "tanh"}),
        ({"patience": 0}, {"patience": 5}),
    ],
)
def test_what_changes_the_program_separates_fits(a, b):
    assert static(config(**a)) != static(config(**b))


def test_what_is_a_number_to_the_program_does_not():
    one = {"lr": 1e-3, "seed": 1, "sigma": 0.1, "weight_decay": 1e-3, "min_delta": 0.0, "keep": 1}
    two = {"lr": 1e-1, "seed": 2, "sigma": 0.2, "weight_decay": 1e-1, "min_delta": 0.1, "keep": 2}
    assert static(config(**one)) == static(config(**two))


@pytest.mark.slow
def test_a_workshop_gives_what_a_fresh_one_gives():
    workshop = Workshop()
    for options in ({"seed": 1}, {"seed": 1, "depth": 3}, {"seed": 1}, {"seed": 2}, {"seed": 1, "N": 50}):
        mine, fresh = workshop.assemble(config(**options)), Workshop().assemble(config(**options))
        for part in ("train", "val", "test"):
            jax.tree.map(np.testing.assert_array_equal, getattr(mine, part), getattr(fresh, part))
        np.testing.assert_array_equal(mine.problem.theta, fresh.problem.theta)
        for a, b in zip(jax.tree.leaves(mine.model), jax.tree.leaves(fresh.model), strict=True):
            np.testing.assert_array_equal(jax.device_get(_data(a)), jax.device_get(_data(b)))


def _data(leaf):
    return jax.random.key_data(leaf) if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf


@pytest.mark.slow
def test_samples_of_another_number_of_columns_do_not_stack(tmp_path):
    data, setups = tmp_path / "d.csv", []
    for levels in ("abcd", "abcd", "ab"):  # the file is edited in the middle of a sweep
        rows = [f"{i % 7 + 0.5},{levels[i % len(levels)]}" for i in range(40)]
        data.write_text("\n".join(["y,g", *rows]) + "\n")
        options = {"data": str(data), "target": "y", "split_seed": len(setups), "num_epochs": 2}
        setups.append(Workshop().assemble(config(problem="tabular", **options)))
    assert {static(setup.config) for setup in setups} == {static(setups[0].config)}
    assert [setup.problem.din for setup in setups] == [3, 3, 1]
    assert same_shape(setups[:2]) and not same_shape(setups[1:])
