"""Learnt representations: MLP, residual MLP, deep set, autoencoder, against closed forms and the lecture's draws."""

import json
import typing
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from econml_cli.config.fit_config import build
from econml_cli.models import deep_set, registry, table
from econml_cli.models.activations import ACTIVATIONS
from econml_cli.models.autoencoder import Autoencoder
from econml_cli.models.deep_set import DeepSet
from econml_cli.models.mlp import MLP, hidden
from econml_cli.models.resnet import ResNet
from econml_cli.training.loop.stack import Stack
from econml_cli.training.loop.trainer import Trainer
from econml_cli.training.precision import precision
from econml_cli.training.setup.setup import Workshop, assemble, num_params
from econml_cli.training.step.compile_key import static
from econml_cli.training.step.programs import Programs

SMALL = {"N": 60, "N_test": 10, "N_val": 20, "num_epochs": 6, "batch_size": 16}


def normal(*shape, seed=0):
    return jax.random.normal(jax.random.key(seed), shape)


def kernels(model):
    return {path: leaf[...] for path, leaf in nnx.to_flat_state(nnx.state(model, nnx.Param)) if path[-1] == "kernel"}


def assert_same(a, b):
    def data(leaf):
        is_key = jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        return np.asarray(jax.random.key_data(leaf) if is_key else leaf)

    jax.tree.map(lambda x, y: np.testing.assert_array_equal(data(x), data(y)), a, b)


# ---------------------------------------------------------------- options


def test_the_words_of_an_option_are_those_that_the_modules_know():
    assert set(typing.get_args(table.Activation)) == set(ACTIVATIONS)
    assert set(typing.get_args(typing.get_type_hints(table.DeepSetOptions)["pool"])) == set(deep_set.POOLS)


@pytest.mark.parametrize("name", ["mlp", "resnet", "deep_set", "autoencoder"])
def test_the_options_of_a_model_are_the_defaults_of_its_constructor(name):
    cls, declared = registry.load(name), vars(registry.get(name).options())
    given = cls(3, 3, rngs=nnx.Rngs(0))
    typed = cls(3, 3, **declared, rngs=nnx.Rngs(0))
    assert nnx.graphdef(given) == nnx.graphdef(typed)
    assert_same(nnx.state(given), nnx.state(typed))


@pytest.mark.parametrize(
    ("width", "depth", "expected"),
    [(64, None, (64, 64)), ((64,), 3, (64, 64, 64)), ((128, 64, 32), None, (128, 64, 32)), ([8, 4], 2, (8, 4))],
)
def test_widths_and_depth_say_each_hidden_layer(width, depth, expected):
    assert hidden(width, depth) == expected


def test_a_depth_that_contradicts_the_widths_is_refused_with_both(econml):
    with pytest.raises(ValueError, match=r"128,64 names 2 hidden layers, but --depth is 3"):
        MLP(2, 1, (128, 64), 3, rngs=nnx.Rngs(0))
    ran = econml("fit", "mlp", "--width", "128,64", "--depth", "3", "--dry-run")
    assert ran.code == 2 and "128,64" in ran.stderr and "--depth is 3" in ran.stderr


# ---------------------------------------------------------------- mlp and resnet


def test_the_mlp_at_its_defaults_has_the_weights_that_the_lecture_draws():
    rngs = nnx.Rngs(42)
    lecture = [nnx.Linear(2, 128, rngs=rngs), nnx.Linear(128, 128, rngs=rngs), nnx.Linear(128, 1, rngs=rngs)]
    model = MLP(2, 1, rngs=nnx.Rngs(42))
    assert num_params(model) == 17_025
    for i, layer in enumerate(lecture, start=1):
        assert_same(nnx.state(getattr(model, f"linear{i}")), nnx.state(layer))
    x = normal(7, 2)
    expected = lecture[2](jax.nn.relu(lecture[1](jax.nn.relu(lecture[0](x)))))
    np.testing.assert_array_equal(model(x), expected)


def test_the_two_layer_module_of_the_lecture_is_width_2_depth_1_without_bias():
    rngs, x = nnx.Rngs(1), normal(5, 3)
    first, second = nnx.Linear(3, 2, use_bias=False, rngs=rngs), nnx.Linear(2, 1, rngs=rngs)
    model = MLP(3, 1, width=2, depth=1, bias=False, rngs=nnx.Rngs(1))
    assert num_params(model) == 3 * 2 + 2 + 1
    np.testing.assert_array_equal(model(x), second(jax.nn.relu(first(x))))
    assert num_params(MLP(3, 1, width=2, depth=1, bias=False, output_bias=False, rngs=nnx.Rngs(1))) == 8


def test_layer_norm_and_dropout_leave_the_weights_of_the_layers_as_they_were():
    plain = MLP(3, 1, (8, 4), rngs=nnx.Rngs(0))
    more = MLP(3, 1, (8, 4), layer_norm=True, dropout=0.5, rngs=nnx.Rngs(0))
    for i in (1, 2, 3):
        assert_same(nnx.state(getattr(plain, f"linear{i}")), nnx.state(getattr(more, f"linear{i}")))
    assert num_params(more) == num_params(plain) + 2 * 8 + 2 * 4
    assert not hasattr(plain, "dropout") and not hasattr(plain, "norm1")


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_an_mlp_is_the_formula_it_stands_for(name):
    model = MLP(3, 2, (8, 4), activation=name, output_activation="sigmoid", layer_norm=True, rngs=nnx.Rngs(0))
    h = x = normal(6, 3)
    for i in (1, 2):
        h = getattr(model, f"linear{i}")(h)
        h = (h - h.mean(1, keepdims=True)) / jnp.sqrt(h.var(1, keepdims=True) + 1e-6)
        h = ACTIVATIONS[name](h)
    np.testing.assert_allclose(model.embed(x), h, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model(x), 1 / (1 + jnp.exp(-model.linear3(h))), rtol=1e-4)


@pytest.mark.slow
def test_dropout_drops_in_training_and_is_nothing_in_evaluation():
    model, x = MLP(3, 1, 64, dropout=0.5, rngs=nnx.Rngs(0)), normal(10, 3)
    first, second = model(x), model(x)
    assert not np.array_equal(first, second)
    share = np.mean(np.asarray(model.embed(jnp.ones((200, 3)))) == 0.0)
    model.eval()
    dead = np.mean(np.asarray(model.embed(jnp.ones((200, 3)))) == 0.0)
    assert share == pytest.approx(dead + 0.5 * (1 - dead), abs=0.1)
    np.testing.assert_array_equal(model(x), MLP(3, 1, 64, rngs=nnx.Rngs(0))(x))


@pytest.mark.parametrize("cls", [MLP, ResNet, DeepSet])
def test_torch_uniform_weights_and_biases_lie_within_their_bounds(cls):
    model = cls(9, 1, init="torch_uniform", rngs=nnx.Rngs(0))
    for path, kernel in kernels(model).items():
        holder = model
        for name in path[:-1]:
            holder = getattr(holder, name)
        bound = 1 / np.sqrt(kernel.shape[0])
        both = np.concatenate([np.ravel(kernel), np.ravel(holder.bias[...])])
        assert np.all(np.abs(both) <= bound) and np.any(np.asarray(holder.bias[...]) != 0)
        if len(both) > 1000:  # uniform: sd of bound / sqrt(3)
            assert np.std(both) == pytest.approx(bound / np.sqrt(3), rel=0.05)


@pytest.mark.slow
def test_a_resnet_whose_blocks_are_zero_is_a_linear_model():
    model, x = ResNet(3, 2, width=16, depth=3, layer_norm=True, rngs=nnx.Rngs(0)), normal(20, 3)
    for i in (1, 2, 3):
        last = getattr(model, f"block{i}").linear2
        last.kernel.set_value(jnp.zeros_like(last.kernel[...]))
    np.testing.assert_allclose(model(x), model.linear_out(model.linear_in(x)), rtol=1e-6)
    assert num_params(model) == (3 * 16 + 16) + 3 * (2 * (16 * 16 + 16) + 2 * 32) + (16 * 2 + 2)


def test_a_resnet_is_the_formula_it_stands_for():
    model, x = ResNet(3, 1, width=8, depth=2, activation="tanh", rngs=nnx.Rngs(0)), normal(5, 3)
    h = model.linear_in(x)
    for block in (model.block1, model.block2):
        h = h + block.linear2(jnp.tanh(block.linear1(jnp.tanh(h))))
    np.testing.assert_allclose(model(x), model.linear_out(h), rtol=1e-6)
    np.testing.assert_allclose(model.embed(x), h, rtol=1e-6)


@pytest.mark.parametrize("cls", [MLP, ResNet])
def test_an_observation_that_is_a_matrix_is_read_as_a_vector(cls):
    model, x = cls(6, 1, width=4, rngs=nnx.Rngs(0)), normal(5, 3, 2)
    np.testing.assert_array_equal(model(x), model(x.reshape(5, 6)))


# ---------------------------------------------------------------- deep set


def test_the_network_of_the_investment_model_has_67589_parameters():
    assert num_params(DeepSet(128, 1, rngs=nnx.Rngs(0))) == 67_589
    assert num_params(DeepSet(256, 1, shape=(128, 2), rngs=nnx.Rngs(0))) == 67_589 + 128


@pytest.mark.parametrize("pool", ["mean", "sum", "max"])
@pytest.mark.parametrize("shape", [(16,), (16, 3)])
def test_a_deep_set_does_not_know_the_order_of_its_elements(pool, shape):
    model = DeepSet(int(np.prod(shape)), 2, shape=shape, pool=pool, rngs=nnx.Rngs(0))
    x = normal(10, *shape)
    shuffled = jax.random.permutation(jax.random.key(1), x, axis=1)
    assert model(x).shape == (10, 2) and model.embed(x).shape == (10, 4)
    np.testing.assert_allclose(model(x), model(shuffled), rtol=1e-4, atol=1e-5)
    assert np.std(np.asarray(model(x))) > 1e-3  # and it does depend on the elements


@pytest.mark.parametrize("pool", ["mean", "max"])
def test_the_same_deep_set_reads_a_set_of_another_size(pool):
    model, x = DeepSet(8, 1, pool=pool, rngs=nnx.Rngs(0)), normal(5, 8)
    twice = jnp.concatenate([x, x], axis=1)
    np.testing.assert_allclose(model(twice), model(x), rtol=1e-5, atol=1e-6)  # every element twice: the same mean


def test_the_pool_is_what_its_name_says():
    x = normal(5, 6, 2)
    for pool, function in (("mean", np.mean), ("sum", np.sum), ("max", np.max)):
        model = DeepSet(12, 1, shape=(6, 2), pool=pool, rngs=nnx.Rngs(0))
        each = np.stack([np.asarray(model.phi(x[i])) for i in range(5)])
        np.testing.assert_allclose(model.embed(x), function(each, axis=1), rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_large_sets_in_blocks_have_the_same_values_and_gradients(monkeypatch):
    model, x = DeepSet(50, 1, phi_width=8, rho_width=8, rngs=nnx.Rngs(0)), normal(7, 50)

    def both():
        return nnx.jit(nnx.value_and_grad(lambda m: jnp.sum(jnp.square(m(x)))))(model)

    value, grads = both()
    monkeypatch.setattr(deep_set, "BLOCK", 100)  # two sets at once
    in_blocks, grads_in_blocks = both()
    assert float(in_blocks) == pytest.approx(float(value), rel=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), grads, grads_in_blocks)


@pytest.mark.slow
def test_the_memory_of_a_step_on_large_sets_hardly_grows_with_the_batch():
    graphdef, state = nnx.split(DeepSet(10_000, 1, rngs=nnx.Rngs(0)))
    at_once = deep_set.BLOCK // 10_000

    def temporary(n):
        x = jax.ShapeDtypeStruct((n, 10_000), jnp.float32)
        step = jax.jit(jax.grad(lambda s, x: jnp.sum(nnx.merge(graphdef, s)(x))))
        return step.lower(state, x).compile().memory_analysis().temp_size_in_bytes

    hidden_layer_of_a_set = 4 * 128 * 10_000
    grown = temporary(20 * at_once) - temporary(2 * at_once)
    assert grown < 0.1 * hidden_layer_of_a_set * 18 * at_once


@pytest.mark.parametrize(("shape", "options"), [((6, 2), {}), ((12,), {"element_size": 2}), ((6,), {})], ids=str)
def test_permuting_the_elements_permutes_the_outputs_of_an_equivariant_deep_set(shape, options):
    model = DeepSet(int(np.prod(shape)), 6, shape=shape, equivariant=True, **options, rngs=nnx.Rngs(0))
    x, order = normal(10, *shape), np.array([3, 0, 5, 1, 4, 2])
    if options:  # the first numbers of all elements, then the second ones
        shuffled = x.reshape(10, 2, 6)[:, :, order].reshape(10, 12)
        np.testing.assert_allclose(model.embed(x)[0], model._pooled(x.reshape(10, 2, 6).swapaxes(1, 2))[0], rtol=1e-6)
    else:
        shuffled = x[:, order]
    assert model(x).shape == (10, 6) and model.embed(x).shape == (10, 4)
    np.testing.assert_allclose(model(shuffled), model(x)[:, order], rtol=1e-4, atol=1e-6)
    assert np.std(np.asarray(model(x)), axis=1).min() > 1e-5  # and elements that differ have outputs that do


def test_sets_that_are_none_are_refused():
    with pytest.raises(ValueError, match=r"\[2, 3, 4\]"):
        DeepSet(24, 1, shape=(2, 3, 4), rngs=nnx.Rngs(0))
    with pytest.raises(ValueError, match=r"\[7\], is no vector of elements of 2 numbers"):
        DeepSet(7, 1, element_size=2, rngs=nnx.Rngs(0))
    with pytest.raises(ValueError, match="4 outputs are not as many for each of 6 elements"):
        DeepSet(6, 4, equivariant=True, rngs=nnx.Rngs(0))


# ---------------------------------------------------------------- autoencoder


@pytest.mark.slow
def test_an_autoencoder_maps_x_to_x_through_its_latent_numbers():
    model, x = Autoencoder(10, 10, latent=3, width=(8, 6), rngs=nnx.Rngs(0)), normal(4, 10)
    assert (model.embed(x).shape, model(x).shape) == ((4, 3), (4, 10))
    np.testing.assert_array_equal(model(x), model.decoder(model.encoder(x)))
    assert [kernel.shape for _, kernel in sorted(kernels(model).items())] == [
        *[(3, 6), (6, 8), (8, 10)],
        *[(10, 8), (8, 6), (6, 3)],
    ]


def test_an_autoencoder_of_another_target_is_refused(econml):
    with pytest.raises(ValueError, match="reconstructs its inputs"):
        Autoencoder(2, 1, rngs=nnx.Rngs(0))
    ran = econml("fit", "autoencoder", "--problem", "linear")
    assert ran.code == 2 and "reconstructs its inputs" in ran.stderr and "Traceback" not in ran.stderr


def regularized(name, **more):
    arguments = {"latent": 3, "regularizer": name, "regularizer_strength": 0.5, "rngs": nnx.Rngs(0)}
    return Autoencoder(10, 10, **arguments | more)


@pytest.mark.slow
def test_the_contractive_penalty_of_a_linear_encoder_is_the_norm_of_its_matrix():
    model = regularized("contractive", linear=True)
    assert float(model.penalty(normal(20, 10))) == pytest.approx(
        0.5 * float(jnp.sum(jnp.square(model.encoder.kernel[...]))), rel=1e-5
    )


@pytest.mark.slow
def test_the_contractive_penalty_of_one_hidden_layer_is_its_closed_form():
    # z = W2' tanh(W1' x + b1) + b2, so dz/dx = W2' diag(1 - tanh^2) W1'
    model, x = regularized("contractive", width=(6,), depth=1, activation="tanh"), normal(20, 10)
    w1, w2 = model.encoder.linear1.kernel[...], model.encoder.linear2.kernel[...]
    slope = 1 - jnp.square(jnp.tanh(model.encoder.linear1(x)))
    expected = jnp.mean(jnp.sum(jnp.square(jnp.einsum("ij,nj,jk->nik", w1, slope, w2)), axis=(1, 2)))
    assert float(model.penalty(x)) == pytest.approx(0.5 * float(expected), rel=1e-5)


@pytest.mark.slow
def test_the_other_penalties_are_their_formulas():
    x = normal(20, 10)
    l2, l1, none = (regularized(name) for name in ("l2", "l1", "none"))
    squares = sum(float(jnp.sum(jnp.square(kernel))) for kernel in kernels(l2).values())
    assert float(l2.penalty(x)) == pytest.approx(0.5 * squares, rel=1e-5)
    assert float(l1.penalty(x)) == pytest.approx(0.5 * float(jnp.mean(jnp.sum(jnp.abs(l1.embed(x)), 1))), rel=1e-6)
    assert float(none.penalty(x)) == 0.0 and not hasattr(none, "strength")
    assert num_params(l2) == num_params(none)  # the strength is not trained


def factors(seed, n=1000, columns=20, q=3, sigma=0.1):
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(n, q)) @ draw.normal(size=(columns, q)).T + sigma * draw.normal(size=(n, columns))
    return x - x.mean(0)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_linear_autoencoder_reaches_the_error_of_pca_and_never_beats_it(seed):
    data = factors(seed)
    best = float(np.linalg.eigvalsh(data.T @ data / len(data))[:-3].sum()) / 20
    x = jnp.asarray(data, jnp.float32)
    graphdef, params = nnx.split(Autoencoder(20, 20, latent=3, linear=True, rngs=nnx.Rngs(seed)))
    optimizer = optax.adam(optax.cosine_decay_schedule(0.05, 3000))

    def loss(params):
        return jnp.mean(jnp.square(nnx.merge(graphdef, params)(x) - x))

    def step(state, _):
        params, moments = state
        updates, moments = optimizer.update(jax.grad(loss)(params), moments)
        return (optax.apply_updates(params, updates), moments), None

    (params, _), _ = jax.jit(lambda s: jax.lax.scan(step, s, None, 3000))((params, optimizer.init(params)))
    reconstruction = np.asarray(nnx.merge(graphdef, params)(x), np.float64)
    ratio = float(np.mean(np.square(reconstruction - np.asarray(x, np.float64)))) / best
    assert 1 - 1e-5 <= ratio <= 1.06


# ---------------------------------------------------------------- in the trainer

DROPOUT = {"mlp": {"width": (16, 8), "dropout": 0.3, "layer_norm": True}, "resnet": {"width": 16, "dropout": 0.3}}


def rows(trainer):
    return [row for chunk in trainer.run() for row in chunk.rows]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "dtype"), [("mlp", "float32"), ("mlp", "float64"), ("resnet", "float64")])
def test_dropout_trains_in_either_precision_and_draws_anew_each_step(name, dtype):
    with precision(dtype):
        trainer = Trainer(assemble(build(name, "linear", [("test", SMALL | DROPOUT[name] | {"precision": dtype})])))
        before = jax.device_get([leaf for leaf in jax.tree.leaves(trainer.carry.other) if leaf.dtype == jnp.uint32])
        seen = rows(trainer)
        after = [leaf for leaf in jax.tree.leaves(trainer.carry.other) if leaf.dtype == jnp.uint32]
        assert len(seen) == 6 and np.isfinite(seen[-1]["train_loss"])
        assert {leaf.dtype.name for leaf in jax.tree.leaves(trainer.carry.params)} == {dtype}
        assert sum(map(int, after)) > sum(map(int, before))  # the counts of the stream
        x = trainer.setup.train.x
        np.testing.assert_array_equal(trainer.fitted()(x), trainer.fitted()(x))
        losses = trainer.setup.problem.loss(trainer.fitted(), trainer.setup.val)  # of a network that drops nothing
        assert seen[-1]["val_loss"] == pytest.approx(float(jnp.mean(losses)), rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("options", [("--width", "16,8", "--dropout", "0.3", "--layer-norm"), ("--width", "4,4")])
def test_half_a_fit_and_the_other_half_are_the_whole_bit_for_bit(econml, options):
    base = ("fit", "mlp", "--N", "60", "--batch-size", "16", *options)
    econml(*base, "--num-epochs", "4", "--out", "whole")
    econml(*base, "--num-epochs", "2", "--out", "parts")
    ran = econml("fit", "--resume", "parts", "--num-epochs", "4")
    assert ran.code == 0, ran.stderr
    whole, parts = (json.loads(Path(run, "summary.json").read_text()) for run in ("whole", "parts"))
    assert whole["state_sha256"] == parts["state_sha256"]
    assert Path("whole/metrics.jsonl").read_text() == Path("parts/metrics.jsonl").read_text()


@pytest.mark.slow
def test_dropout_side_by_side_is_dropout_alone():
    programs, workshop = Programs(), Workshop()
    setups = [workshop.assemble(build("mlp", "linear", [("t", SMALL | DROPOUT["mlp"] | {"seed": s})])) for s in (1, 2)]
    assert static(setups[0].config) == static(setups[1].config)
    stack = Stack(setups, programs)
    for _ in stack.run():
        pass
    for member, setup in enumerate(setups):
        alone = Trainer(setup, programs)
        rows(alone)
        mine = stack.carry(member)
        assert_same(mine.other, alone.carry.other)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), mine.params, alone.carry.params
        )
