"""From a name and options to an NNX module: ours, of a file or of a package, with a representation before it or not."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from econml_cli.errors import ConfigError
from econml_cli.models import registry, representations
from econml_cli.models.base import Model
from econml_cli.options import own_modules
from econml_cli.options.signature import accepted


@dataclass(frozen=True)
class Shapes:
    """What a model must know of the data before it is made.

    Attributes:
        din, dout: numbers of inputs and outputs. n: observations in the training sample.
        shape: of one observation of x: (din,), or (set, features) for a set of vectors.
        origin: whether the problem has f(0) = 0, in the units that the model reads: no constant.
        absorbed: how many levels each fixed effect has; embedded: (levels, size of their vectors) of each embedding.
            The last inputs are the numbers of their levels.
    """

    din: int
    dout: int
    n: int = 1
    shape: tuple[int, ...] = ()
    origin: bool = False
    absorbed: tuple[int, ...] = ()
    embedded: tuple[tuple[int, int], ...] = ()

    def observation(self) -> tuple[int, ...]:
        """The shape of one observation."""
        return self.shape or (self.din,)


@dataclass(frozen=True)
class Recipe:
    """What a module is made from: the model's name and options, the representation before it, the precision."""

    model: str
    options: Any
    phi: str | None
    precision: str


def build(recipe: Recipe, shapes: Shapes, rngs: nnx.Rngs) -> Model:
    """The module, at initial weights drawn from `rngs` (first phi's, then the model's).

    May run inside jit and inside `nnx.eval_shape`.

    Raises:
        ConfigError: the constructor refuses what it is given.
    """
    dtype = jnp.dtype(recipe.precision)
    cls = registry.load(recipe.model)
    _check_levels(recipe, shapes, cls)
    if shapes.embedded:
        return _cast(_with_embeddings(recipe, cls, shapes, dtype, rngs), dtype)
    if recipe.phi is None:
        return _cast(_construct(cls, recipe.model, vars(recipe.options), shapes, dtype, rngs), dtype)

    from econml_cli.models.composed import Composed

    name, values = representations.parse(recipe.phi)
    feature_map = representations.load(name)
    if "constant" in accepted(feature_map):
        values["constant"] = False  # h has its own
    phi = _construct(feature_map, name, values, shapes, dtype, rngs)
    represented = Shapes(phi.dout, shapes.dout, shapes.n, origin=shapes.origin)
    return _cast(Composed(phi, _construct(cls, recipe.model, vars(recipe.options), represented, dtype, rngs)), dtype)


def _check_levels(recipe: Recipe, shapes: Shapes, cls: Any) -> None:
    """Refuse fixed effects that a model cannot absorb."""
    if shapes.absorbed and (recipe.phi is not None or "absorbed" not in accepted(cls)):
        what = f"--features {recipe.phi}" if recipe.phi is not None else f"Model {recipe.model}"
        raise ConfigError(
            f"{what} absorbs no fixed effects (right of | in a formula), which model linear does; leave it out, write "
            "C(...) for dummies, or --embed COLUMN:SIZE with a network."
        )
    if shapes.embedded and recipe.phi is not None:
        raise ConfigError(f"--embed stands beside the features as they are; leave out --features {recipe.phi}, or it.")


def _with_embeddings(recipe: Recipe, cls: Any, shapes: Shapes, dtype: Any, rngs: nnx.Rngs) -> Any:
    """A model that reads vectors of levels beside its other inputs; theirs are drawn first."""
    from econml_cli.models.embedded import Embedded

    tables = [nnx.Embed(levels, size, param_dtype=dtype, rngs=rngs) for levels, size in shapes.embedded]
    din = shapes.din - len(tables) + sum(size for _, size in shapes.embedded)
    inner = Shapes(din, shapes.dout, shapes.n, origin=shapes.origin)
    h = _construct(cls, recipe.model, vars(recipe.options), inner, dtype, rngs)
    if getattr(h, "solver", "gradient") != "gradient":
        raise ConfigError(
            f"--embed learns vectors by gradient, and model {recipe.model} is solved; take a network such as mlp, or "
            "of model linear fixed effects: y ~ x | COLUMN."
        )
    return Embedded(h, tables)


def _construct(cls: Any, name: str, options: dict[str, Any], shapes: Shapes, dtype: Any, rngs: nnx.Rngs) -> Any:
    """Call a constructor with its options and those of the other arguments that it names."""
    given: dict[str, Any] = {"din": shapes.din, "dout": shapes.dout, "rngs": rngs, "param_dtype": dtype}
    given |= {"n": shapes.n, "shape": shapes.observation()}
    if "origin" not in options:
        given["origin"] = shapes.origin
    if "absorbed" not in options and shapes.absorbed:
        given["absorbed"] = shapes.absorbed
    named = {key: value for key, value in given.items() if key in accepted(cls)}
    try:
        with own_modules.telling(f"Model {name} cannot be made"):
            return cls(**named, **options)
    except ValueError as error:  # how our models say that options contradict each other
        raise ConfigError(f"Model {name}: {str(error).rstrip('.')}.") from error


def _cast(model: Model, dtype: Any) -> Model:
    """The model with its floating-point arrays in this precision: a user's module need not know of it."""

    def place(leaf: Any) -> Any:
        return leaf.astype(dtype) if jnp.issubdtype(leaf.dtype, jnp.floating) and leaf.dtype != dtype else leaf

    leaves = [leaf.dtype for leaf in jax.tree.leaves(nnx.state(model))]
    if any(jnp.issubdtype(kind, jnp.floating) and kind != dtype for kind in leaves):
        nnx.update(model, jax.tree.map(place, nnx.state(model)))
    return model
