"""Graphs, states and listings as data and as text: exact strings for a tiny model."""

import functools
import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from econml_cli.errors import ConfigError
from econml_cli.inspection import listings, state, text
from econml_cli.inspection.graph import describe_graph, plain
from econml_cli.inspection.state import abbreviate, describe_state
from econml_cli.models.mlp import MLP
from econml_cli.output import terminal
from econml_cli.training.setup.setup import num_params
from tests.support.models import constant_mlp
from tests.support.terminal import rendered


class Everything(nnx.Module):
    """What models may hold besides layers: lists, RNG streams, statistics, shared modules, functions, bad numbers."""

    def __init__(self, *, rngs: nnx.Rngs):
        self.act = jax.nn.relu
        self.leaky = functools.partial(jax.nn.leaky_relu, negative_slope=0.1)
        self.layers = nnx.List([nnx.Linear(2, 2, rngs=rngs) for _ in range(11)])
        self.noise = nnx.Dropout(0.5, rngs=rngs)
        self.norm = nnx.BatchNorm(2, rngs=rngs)
        self.dec = nnx.Linear(2, 2, use_bias=False, rngs=rngs)
        self.enc = self.dec
        self.half = nnx.Param(jnp.ones((2, 3), jnp.bfloat16))
        self.broken = nnx.Param(jnp.array([1.0, jnp.nan, jnp.inf]))


def test_the_graph_of_a_tiny_mlp_reads_as_a_tree_of_modules():
    assert rendered(text.graph(describe_graph(constant_mlp())), 120) == [
        "MLP  activation=relu, depth=1  17 parameters",
        "├── linear1: Linear  in_features=2, out_features=4, param_dtype=float32, use_bias=true  12 parameters",
        "│   ├── bias: Param f32[4]",
        "│   └── kernel: Param f32[2,4]",
        "└── linear2: Linear  in_features=4, out_features=1, param_dtype=float32, use_bias=true  5 parameters",
        "    ├── bias: Param f32[1]",
        "    └── kernel: Param f32[4,1]",
    ]


def test_the_state_of_a_tiny_mlp_is_a_table_where_that_fits():
    assert rendered(text.state(describe_state(constant_mlp())), 120) == [
        "state     kind   shape  dtype    count  bytes  mean  std  min  max  non-finite",
        "linear1",
        "  bias    Param  [4]    float32      4   16 B     0    0    0    0           0",
        "  kernel  Param  [2,4]  float32      8   32 B   0.5    0  0.5  0.5           0",
        "linear2",
        "  bias    Param  [1]    float32      1    4 B     0    0    0    0           0",
        "  kernel  Param  [4,1]  float32      4   16 B   0.5    0  0.5  0.5           0",
    ]


def test_the_same_state_takes_two_lines_an_array_on_a_narrow_terminal():
    assert rendered(text.state(describe_state(constant_mlp())), 60)[:5] == [
        "linear1",
        "  bias: Param [4] float32  count 4  16 B  non-finite 0",
        "    mean 0  std 0  min 0  max 0",
        "  kernel: Param [2,4] float32  count 8  32 B  non-finite 0",
        "    mean 0.5  std 0  min 0.5  max 0.5",
    ]


def test_values_shows_the_numbers():
    lines = rendered(text.state(describe_state(constant_mlp()), values=True), 80)
    assert "    [[0.5 0.5 0.5 0.5]" in lines and "     [0.5 0.5 0.5 0.5]]" in lines


def test_large_arrays_are_abbreviated():
    assert text.array_text(np.zeros(1000)) == "[0. 0. 0. ... 0. 0. 0.]"


@pytest.mark.parametrize("width", [50, 80, 100, 120])
def test_no_number_is_cut_at_any_width(width):
    leaves = describe_state(MLP(3, 1, width=16, rngs=nnx.Rngs(1)))
    printed = "\n".join(rendered(text.state(leaves), width))
    assert "…" not in printed and all(len(line) <= width for line in printed.splitlines())
    assert all(terminal.number(getattr(leaf, key)) in printed for leaf in leaves for key in text.NUMBERS)


def test_moments_are_those_of_the_array():
    values = np.array([[1.0, -2.0], [4.0, 8.0]], np.float32)
    (leaf,) = describe_state({"w": jnp.asarray(values)})
    assert (leaf.path, leaf.kind, leaf.shape, leaf.dtype, leaf.short) == ("w", "Array", (2, 2), "float32", "f32[2,2]")
    assert (leaf.count, leaf.bytes, leaf.min, leaf.max, leaf.nonfinite) == (4, 16, -2.0, 8.0, 0)
    assert leaf.mean == pytest.approx(values.mean()) and leaf.std == pytest.approx(values.std())


def test_non_finite_elements_are_counted_and_left_out_of_the_moments():
    leaf = next(x for x in describe_state(Everything(rngs=nnx.Rngs(0))) if x.path == "broken")
    assert (leaf.nonfinite, leaf.mean, leaf.max) == (2, 1.0, 1.0)
    (bad,) = describe_state({"w": np.full(3, np.nan)})
    assert (bad.nonfinite, bad.mean) == (3, None)


def test_linear2_comes_before_linear10_in_state_and_graph():
    model = MLP(2, 1, width=2, depth=10, rngs=nnx.Rngs(0))
    expected = [f"linear{i}" for i in range(1, 12)]
    assert [child.name for child in describe_graph(model).children] == expected
    assert list(dict.fromkeys(leaf.path.split(".")[0] for leaf in describe_state(model))) == expected


def test_a_module_with_everything_is_described():
    model = Everything(rngs=nnx.Rngs(0))
    node = describe_graph(model)
    children = {child.name: child for child in node.children}
    assert node.attributes == {"act": "relu", "leaky": "leaky_relu(negative_slope=0.1)"}
    assert [child.name for child in children["layers"].children] == [str(i) for i in range(11)]
    assert children["enc"].shared == "dec" and children["enc"].params == 0
    assert children["dec"].attributes["bias"] is None and [c.name for c in children["dec"].children] == ["kernel"]
    assert {c.name: c.type for c in children["norm"].children}["mean"] == "BatchStat"
    assert children["half"].array == "bf16[2,3]"
    assert node.params == num_params(model)
    key = next(leaf for leaf in describe_state(model) if leaf.path == "noise.rngs.key")
    assert (key.kind, key.dtype, key.bytes, key.mean) == ("RngKey", "key<fry>", 8, None)


def test_shapes_alone_are_described_the_same_but_for_the_moments():
    def make():
        return Everything(rngs=nnx.Rngs(0))

    real, abstract = make(), nnx.eval_shape(make)
    assert describe_graph(abstract) == describe_graph(real)
    for a, b in zip(describe_state(abstract), describe_state(real), strict=True):
        assert (a.path, a.kind, a.shape, a.dtype, a.bytes) == (b.path, b.kind, b.shape, b.dtype, b.bytes)
        assert a.mean is None and a.nonfinite is None and a.values is None
    assert not any("None" in line for line in rendered(text.state(describe_state(abstract)), 120))


def test_a_graphdef_without_its_state_has_neither_shapes_nor_counts():
    node = describe_graph(nnx.graphdef(constant_mlp()))
    assert node.params is None and node.children[0].children[0].array is None
    assert rendered(text.graph(node), 100)[0] == "MLP  activation=relu, depth=1"


def test_json_of_graph_and_state_is_valid_and_without_addresses_or_flax_internals():
    model = Everything(rngs=nnx.Rngs(0))
    document = json.dumps([describe_graph(model).to_json(), [leaf.to_json() for leaf in describe_state(model)]])
    assert " at 0x" not in document and "_pytree" not in document and "_length" not in document


def test_static_attributes_become_plain_values():
    assert plain(jnp.float32) == "float32" and plain(np.dtype("int8")) == "int8" and plain(jnp.tanh) == "tanh"
    assert plain((1, (2.5, None))) == [1, [2.5, None]] and plain({"a": jax.nn.gelu}) == {"a": "gelu"}
    assert " at 0x" not in plain(object())


@pytest.mark.parametrize(
    ("shape", "dtype", "short"),
    [
        ((), "uint32", "u32[]"),
        ((2, 3), "bfloat16", "bf16[2,3]"),
        ((1,), "bool", "bool[1]"),
        ((), "key<fry>", "key<fry>[]"),
    ],
)
def test_arrays_are_abbreviated_as_dtype_and_shape(shape, dtype, short):
    assert abbreviate(shape, dtype) == short


def test_numbers_and_sizes_read_well():
    shown = [terminal.number(x) for x in (17025, 0.0224783, 2.5e-7, True, None, "relu", math.inf)]
    assert shown == ["17,025", "0.02248", "2.5e-07", "true", "-", "relu", "inf"]
    assert [terminal.size(n) for n in (8, 68_100, 5_000_000, 10**15)] == ["8 B", "68.1 kB", "5.0 MB", "1000.0 TB"]


def test_entries_list_every_option_with_its_bounds():
    (mlp,) = listings.describe_models("mlp")
    options = {option["name"]: option for option in mlp.to_json()["options"]}
    assert options["width"]["bounds"] == {">=": 1} and options["width"]["type"] == "int list"
    assert "tanh" in options["activation"]["choices"] and options["activation"]["type"] == "choice"
    lines = rendered(text.entries([mlp]), 80)
    assert lines[0].startswith("mlp  ") and any(
        line.split()[:6] == ["--width", "int", "list", "128", ">=", "1"] for line in lines
    )


def test_an_unknown_problem_is_answered_with_the_nearest_one():
    with pytest.raises(ConfigError, match="Did you mean 'tabular'"):
        listings.describe_problems("tabluar")


def test_moments_of_blocks_are_those_of_the_whole_array(monkeypatch):
    values = np.random.default_rng(3).normal(5, 2, (40, 7)).astype(np.float32)
    values[[3, 17], 2] = np.nan, np.inf
    monkeypatch.setattr(state, "BLOCK", 64)
    (leaf,) = describe_state({"a": jnp.asarray(values)})
    good = values[np.isfinite(values)].astype(np.float64)
    assert leaf.nonfinite == 2 and (leaf.min, leaf.max) == (good.min(), good.max())
    np.testing.assert_allclose([leaf.mean, leaf.std], [good.mean(), good.std()], rtol=1e-13)
