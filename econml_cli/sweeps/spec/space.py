"""The space of a sweep: its parameters, and points of it, drawn or enumerated.

A draw is a function of (seed, index, name) and of nothing else: the same seed gives the same points on any number of
machines in any order, the first ten of fifty points are the ten of ten, and one more parameter leaves the others alone.
"""

import hashlib
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from econml_cli.sweeps.spec.distributions import Distribution

Point = dict[str, Any]


@dataclass(frozen=True)
class Condition:
    """When a parameter applies: where other parameters have one of some combinations of values.

    Attributes:
        names: of the others. values: the combinations, each in the order of the names.
    """

    names: tuple[str, ...]
    values: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class Parameter:
    """One parameter of a sweep.

    Attributes:
        path: its keys from the outside in; more than one where `parameters:` are nested.
        called: W&B's name of its distribution, such as log_uniform_values.
        distribution: from which its values are drawn.
        conditions: all of them must hold for the parameter to apply to a point, which is without it otherwise.
    """

    path: tuple[str, ...]
    called: str
    distribution: Distribution
    conditions: tuple[Condition, ...] = ()

    @property
    def name(self) -> str:
        """The path with dots: optimizer.lr."""
        return ".".join(self.path)

    def quantile(self, u: float) -> Any:
        """The value at the share u of the distribution (inverse CDF).

        Raises:
            ValueError: u is not strictly between 0 and 1.
        """
        if not 0 < u < 1:
            raise ValueError(f"a quantile needs 0 < u < 1, got {u}")
        return self.distribution.quantile(u)

    def grid(self) -> Sequence[Any]:
        """All values.

        Raises:
            ValueError: the distribution cannot be enumerated (a clause that says what can).
        """
        return self.distribution.grid()


@dataclass(frozen=True)
class Space:
    """The parameters of a sweep, in the order of the file."""

    parameters: tuple[Parameter, ...]

    @property
    def conditional(self) -> bool:
        """Whether some parameter does not apply to every point."""
        return any(p.conditions for p in self.parameters)

    def relevant(self, point: Mapping[str, Any]) -> Point:
        """The point without the parameters that do not apply to it, nor those that it does not have."""
        if not self.conditional:
            return {p.name: point[p.name] for p in self.parameters if p.name in point}
        by_name = {p.name: p for p in self.parameters}

        def applies(p: Parameter) -> bool:
            return p.name in point and all(holds(condition) for condition in p.conditions)

        def holds(condition: Condition) -> bool:
            there = all(applies(by_name[name]) for name in condition.names)
            return there and tuple(point[name] for name in condition.names) in condition.values

        return {p.name: point[p.name] for p in self.parameters if applies(p)}

    def draw(self, seed: int, index: int) -> Point:
        """The index-th draw of every parameter, whether it applies or not: {dotted name: value}."""
        return {p.name: p.quantile(uniform(f"{seed}/{index}/{p.name}")) for p in self.parameters}

    def point(self, seed: int, index: int) -> Point:
        """The index-th draw: {dotted name: value}."""
        return self.relevant(self.draw(seed, index))

    def grid_size(self) -> int:
        """How many points the grid has.

        Raises:
            ValueError: a parameter cannot be enumerated.
        """
        sizes = {p.name: len(p.grid()) for p in self.parameters}
        if not self.conditional:
            return math.prod(sizes.values())
        # the others are counted, not enumerated
        deciding = {name for p in self.parameters for condition in p.conditions for name in condition.names}
        axes = [(p.name, p.grid() if p.name in deciding else p.grid()[:1]) for p in self.parameters]
        total = 0
        for values in itertools.product(*(grid for _, grid in axes)):
            point = dict(zip((name for name, _ in axes), values, strict=True))
            there = self.relevant(point)
            if all(name in there or point[name] == grid[0] for name, grid in axes):
                total += math.prod(sizes[name] for name in there if name not in deciding)
        return total

    def grid(self, seed: int) -> Iterator[Point]:
        """Every point of the grid once, in an order shuffled by the seed; made as they are asked for.

        Raises:
            ValueError: a parameter cannot be enumerated.
        """
        axes = [(p.name, p.grid()) for p in self.parameters]
        for place in shuffled(math.prod(len(values) for _, values in axes), seed):
            point = {}
            for name, values in reversed(axes):
                place, digit = divmod(place, len(values))
                point[name] = values[digit]
            there = self.relevant(point)
            # of the combinations that differ in what does not apply, the one with the first values
            if len(there) == len(axes) or all(name in there or point[name] == values[0] for name, values in axes):
                yield there

    def nest(self, point: Mapping[str, Any]) -> dict[str, Any]:
        """The point with nested parameters as mappings, as W&B hands them to a program."""
        out: dict[str, Any] = {}
        for p in self.parameters:
            if p.name not in point:
                continue
            inner = out
            for key in p.path[:-1]:
                inner = inner.setdefault(key, {})
            inner[p.path[-1]] = point[p.name]
        return out


def uniform(key: str) -> float:
    """A number strictly between 0 and 1 that depends on the key alone, uniform over keys (52 bits of SHA-256)."""
    return (_bits(key) // 2**12 + 0.5) / 2**52


def shuffled(size: int, seed: int) -> Iterator[int]:
    """0, ..., size - 1 in random order: Fisher-Yates that remembers only what it has moved, so any size will do."""
    moved: dict[int, int] = {}
    for i in range(size):
        j = i + _bits(f"{seed}/{i}") % (size - i)
        yield moved.get(j, j)
        moved[j] = moved.pop(i, i)


def shuffled_by(key: str, size: int) -> list[int]:
    """0, ..., size - 1 in an order that depends on the key alone."""
    return sorted(range(size), key=lambda i: _bits(f"{key}/{i}"))


def _bits(key: str) -> int:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8])
