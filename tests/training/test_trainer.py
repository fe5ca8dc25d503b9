"""The loop against a plain Python loop, and each way in which it can end."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from optax import contrib

from econml_cli.config.fit_config import TrainerOptions, build
from econml_cli.errors import ShapeError
from econml_cli.problems.base import Batch
from econml_cli.training.loop.trainer import Trainer
from econml_cli.training.setup.setup import assemble
from econml_cli.training.setup.shapes import check_shapes
from econml_cli.training.step.carry import DIVERGED, STOPPED_EARLY
from econml_cli.training.step.epoch import mean_loss, num_batches
from econml_cli.training.step.optimizers import schedule
from econml_cli.training.step.programs import Programs


def trainer_of(**options):
    defaults = {"width": 8, "N": 50, "N_val": 20, "N_test": 20, "num_epochs": 5}
    return Trainer(assemble(build("mlp", "linear", [("test", defaults | options)])))


def run(trainer, **kwargs):
    return [row for chunk in trainer.run(**kwargs) for row in chunk.rows]


def weights(trainer):
    return jax.device_get(trainer.carry.params)


def assert_same(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def test_batches_cover_the_sample_and_full_batch_is_one():
    assert num_batches(500, 512) == (1, 500)
    assert num_batches(500, 0) == (1, 500)
    assert num_batches(500, 32) == (16, 32)
    assert num_batches(512, 32) == (16, 32)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": "sgd", "momentum": 0.9},
        {"optimizer": "adam"},
        {"optimizer": "adam", "weight_decay": 0.1, "grad_clip": 0.05},
        {"optimizer": "adamw", "weight_decay": 0.1},
        {"optimizer": "lion", "weight_decay": 0.1},
        {"optimizer": "muon", "weight_decay": 0.1},
        {"optimizer": "schedule_free", "weight_decay": 0.1},
    ],
)
def test_full_batch_training_is_the_plain_loop(options):
    trainer = trainer_of(batch_size=0, lr=0.01, **options)
    setup, o = trainer.setup, trainer.options
    graphdef, params = nnx.split(setup.model)
    tx = {
        "sgd": lambda: optax.sgd(o.lr, momentum=o.momentum),
        "adam": lambda: optax.adam(o.lr),
        "adamw": lambda: optax.adamw(o.lr, weight_decay=o.weight_decay),
        "lion": lambda: optax.lion(o.lr, weight_decay=o.weight_decay),
        "muon": lambda: contrib.muon(o.lr, weight_decay=o.weight_decay, adam_weight_decay=o.weight_decay),
        "schedule_free": lambda: contrib.schedule_free_adamw(o.lr, weight_decay=o.weight_decay),
    }[o.optimizer]()
    if o.grad_clip:  # of adam the decay is a term of the gradient, after it has been clipped
        tx = optax.chain(optax.clip_by_global_norm(o.grad_clip), optax.add_decayed_weights(o.weight_decay), tx)
    state = tx.init(params)

    def loss(params):
        return jnp.mean((nnx.merge(graphdef, params)(setup.train.x) - setup.train.y) ** 2)

    expected = []
    for _ in range(o.num_epochs):
        value, grads = jax.value_and_grad(loss)(params)
        expected.append(float(value))
        updates, state = tx.update(grads, state, params)
        params = optax.apply_updates(params, updates)
    if o.optimizer == "schedule_free":  # ours carries what is evaluated, optax's where the gradient is taken
        params = contrib.schedule_free_eval_params(state, params)
    rows = run(trainer)
    np.testing.assert_allclose([row["train_loss"] for row in rows], expected, rtol=1e-5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), weights(trainer), params)


def test_the_last_incomplete_batch_counts_with_its_true_size():
    # 50 = 16 + 16 + 16 + 2: with lr ~ 0 the epoch's train loss is the mean over the sample, whatever the batches
    trainer = trainer_of(batch_size=16, lr=1e-12, num_epochs=1)
    expected = float(jnp.mean(trainer.setup.problem.loss(trainer.setup.model, trainer.setup.train)))
    assert run(trainer)[0]["train_loss"] == pytest.approx(expected, rel=1e-6)


@pytest.mark.slow
def test_a_minibatch_epoch_is_the_plain_loop_over_the_same_batches():
    trainer = trainer_of(batch_size=16, lr=0.05, optimizer="sgd", num_epochs=1)
    setup = trainer.setup
    graphdef, params = nnx.split(setup.model)
    _, shuffle = jax.random.split(trainer.carry.key)
    order = jax.random.permutation(shuffle, 50)

    def loss(params, x, y):
        return jnp.mean((nnx.merge(graphdef, params)(x) - y) ** 2)

    for start in range(0, 50, 16):
        rows = order[start : start + 16]  # the last one holds 2
        grads = jax.grad(loss)(params, setup.train.x[rows], setup.train.y[rows])
        share = len(rows) / 16  # every observation weighs the same in an epoch
        params = jax.tree.map(lambda p, g: p - 0.05 * share * g, params, grads)  # noqa: B023
    run(trainer)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), weights(trainer), params)


def test_every_epoch_sees_every_observation_once_in_a_new_order():
    trainer = trainer_of(batch_size=16)
    (_, (first, _)), (_, (second, _)) = (
        trainer.program.epoch.shuffle(jax.random.key(i), trainer.setup.train) for i in (0, 1)
    )
    flat = [np.asarray(batch.y).reshape(-1)[:50] for batch in (first, second)]
    assert not np.array_equal(*flat)
    for seen in flat:
        np.testing.assert_array_equal(np.sort(seen), np.sort(np.asarray(trainer.setup.train.y).reshape(-1)))


def test_the_length_of_chunks_does_not_change_the_numbers():
    one, two = trainer_of(batch_size=16, num_epochs=20), trainer_of(batch_size=16, num_epochs=20)
    assert run(one) == run(two, every=3)
    assert_same(weights(one), weights(two))


def test_another_learning_rate_runs_the_same_program():
    texts = {
        t.program.chunk.lower(t.carry, t.inputs, jnp.int32(0)).as_text()
        for t in (trainer_of(lr=1e-3), trainer_of(lr=0.5, seed=1))
    }
    assert len(texts) == 1


@pytest.mark.slow
def test_fits_of_one_shape_are_compiled_once():
    programs, small = Programs(), {"N": 50, "N_val": 20, "N_test": 20, "num_epochs": 41}
    first, second, other = (
        Trainer(assemble(build("mlp", "linear", [("test", small | options)])), programs)
        for options in ({"lr": 1e-3}, {"lr": 0.5, "seed": 1, "sigma": 1.0}, {"width": 8})
    )
    for trainer in (first, second):
        for _ in trainer.run(until=40):
            pass
    assert first.program is second.program and first.program is not other.program
    assert first.program.chunk._cache_size() == 1


@pytest.mark.slow
def test_early_stopping_keeps_the_weights_of_the_best_val_loss():
    # with a large learning rate and many epochs a tiny sample is overfitted
    trainer = trainer_of(N=5, sigma=1.0, lr=0.05, num_epochs=3000, patience=50, width=32)
    rows = run(trainer)
    assert int(trainer.carry.status) == STOPPED_EARLY and len(rows) < 3000
    val = [row["val_loss"] for row in rows]
    best = int(np.argmin(val)) + 1
    assert int(trainer.carry.best_epoch) == best and len(rows) == best + 50
    kept = jnp.mean(trainer.setup.problem.loss(trainer.fitted(), trainer.setup.val))
    assert float(kept) == pytest.approx(min(val), rel=1e-5)


def test_min_delta_counts_only_real_improvements():
    options = {"lr": 1e-3, "num_epochs": 60, "patience": 4}
    every, real = run(trainer_of(**options)), run(trainer_of(**options, min_delta=1.0))
    val = [row["val_loss"] for row in every]
    assert len(every) == 60 and all(later < earlier for earlier, later in itertools.pairwise(val))
    assert len(real) == 5  # the first epoch is better than none; none after it is better by 1


def test_shuffling_does_not_reuse_the_keys_that_drew_the_data():
    trainer, rngs = trainer_of(batch_size=16), nnx.Rngs(42)
    drawn = {tuple(jax.random.key_data(rngs()).tolist()) for _ in range(50)}
    key = trainer.carry.key
    for _ in range(5):
        key, shuffle = jax.random.split(key)
        for used in (key, shuffle):
            assert tuple(jax.random.key_data(used).tolist()) not in drawn


def test_the_fitted_model_survives_further_training():
    trainer = trainer_of(num_epochs=2)
    model = None
    for _ in trainer.run(every=1):
        model = model or trainer.fitted()
    assert np.isfinite(np.asarray(model(trainer.setup.train.x))).all()


@pytest.mark.parametrize("n", [5, 8, 21])
def test_the_mean_loss_in_blocks_is_the_mean_loss(n, monkeypatch):
    monkeypatch.setattr("econml_cli.training.step.epoch.BLOCK", 8)
    x = np.arange(n, dtype=np.float32)[:, None]
    assert float(mean_loss(lambda batch: batch.x[:, 0] ** 2, Batch(x, x))) == pytest.approx(float(np.mean(x**2)))


@pytest.mark.parametrize("batch_size", [0, 16])
def test_divergence_stops_at_once_and_keeps_the_last_finite_weights(batch_size):
    trainer = trainer_of(lr=1e6, optimizer="sgd", num_epochs=100, batch_size=batch_size, N_val=0)
    rows = run(trainer)
    assert int(trainer.carry.status) == DIVERGED and len(rows) < 30
    assert int(trainer.carry.epoch) == len(rows) - 1
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(weights(trainer)))


@pytest.mark.parametrize(
    ("options", "epochs", "expected"),
    [
        ({"schedule": "constant"}, [0, 9], [1, 1]),
        ({"schedule": "cosine", "lr_end": 0.1}, [0, 5, 10], [1, 0.55, 0.1]),
        ({"schedule": "step", "decay_epochs": 4, "decay_rate": 0.5}, [0, 3, 4, 8], [1, 1, 0.5, 0.25]),
        ({"schedule": "exponential", "decay_epochs": 4, "decay_rate": 0.25}, [0, 2, 4], [1, 0.5, 0.25]),
        ({"schedule": "warmup_cosine", "warmup_epochs": 2}, [0, 1, 2, 10], [0, 0.5, 1, 0]),
    ],
)
def test_schedules_move_as_their_formulas_say(options, epochs, expected):
    shape = schedule(TrainerOptions(num_epochs=10, **options), 3)
    np.testing.assert_allclose([float(shape(3 * e)) for e in epochs], expected, atol=1e-6)


def test_the_lr_that_is_logged_is_the_lr_that_is_used():
    rows = run(trainer_of(schedule="step", decay_epochs=2, decay_rate=0.1, lr=0.1, optimizer="sgd", grad_clip=1e-9))
    np.testing.assert_allclose([row["lr"] for row in rows], [0.1, 0.1, 0.01, 0.01, 0.001], rtol=1e-6)


def test_gradient_clipping_bounds_the_step():
    trainer = trainer_of(optimizer="sgd", lr=1.0, grad_clip=1e-3, num_epochs=1)
    before = weights(trainer)
    run(trainer)
    step = jax.tree.map(lambda a, b: a - b, weights(trainer), before)
    assert float(optax.global_norm(step)) == pytest.approx(1e-3, rel=1e-3)


def test_a_model_of_the_wrong_shape_is_refused_with_both_shapes():
    setup = trainer_of().setup

    class Flat(nnx.Module):
        def __call__(self, x):
            return x[:, 0]

    with pytest.raises(ShapeError, match=r"\[50\].*\[50, 1\]"):
        check_shapes(setup.config, setup.problem, Flat(), setup.train)
