"""A Gaussian process of a metric over a sweep's space, and the point where improvement is expected most.

Matérn 5/2 with a length scale for each parameter and a noise, fitted by maximum a posteriori; expected improvement in
logarithms (Ament et al. 2023, https://arxiv.org/abs/2310.20708); the prior on length scales grows with the dimension
(Hvarfner et al. 2024, https://arxiv.org/abs/2402.02229). NumPy and SciPy only: Optuna's own needs PyTorch.

Points are rows of [0, 1]^d: a number scaled to its range, a choice as one coordinate for each of its values.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]

#: bounds of the logarithms of length scales and of the noise variance (of a metric with variance one)
_LENGTHS, _NOISE = (math.log(1e-2), math.log(1e2)), (math.log(1e-7), math.log(0.5))
#: at the middle of the prior of the noise, and its spread
_NOISE_PRIOR = (math.log(1e-4), 2.5)
#: of the prior of a length scale: the median in two dimensions, which grows with their root; the spread of its log.
#: Eight points say little of six length scales: under a wide prior the process was too sure of itself
_USUAL_LENGTH, _SPREAD = 0.4, 0.6
_ROOT5 = math.sqrt(5.0)
#: gradient steps that a fit takes at most
_STEPS = 40


@dataclass(frozen=True)
class Process:
    """A process conditioned on n points.

    Attributes:
        x: [n, d]. length: [d], of each feature. noise, signal: variances.
        cholesky: [n, n], lower, of the covariance of the values. weights: [n], its inverse times the values.
    """

    x: Array
    length: Array
    noise: float
    signal: float
    cholesky: Array
    weights: Array

    def predict(self, at: Array) -> tuple[Array, Array]:
        """Mean and standard deviation [m] at points [m, d], without the noise."""
        from scipy.linalg import solve_triangular

        cross = self.signal * _matern(at / self.length, self.x / self.length)
        half = solve_triangular(self.cholesky, cross.T, lower=True, check_finite=False)
        variance = np.maximum(self.signal - (half**2).sum(axis=0), 1e-12)
        return cross @ self.weights, np.sqrt(variance)

    def with_points(self, x: Array, y: Array) -> "Process":
        """The same kernel with more points [k, d], [k]."""
        return _conditioned(
            np.vstack([self.x, x]), np.concatenate([self._y(), y]), self.length, self.noise, self.signal
        )

    def _y(self) -> Array:
        return self.cholesky @ (self.cholesky.T @ self.weights)


def fit(x: Array, y: Array, groups: Any) -> Process:
    """The process of n >= 1 points [n, features] with values [n] of mean zero and variance one.

    Args:
        groups: [features] which parameter, 0 to d - 1, a feature belongs to: those of one share a length scale.
    """
    from scipy.optimize import minimize

    d = int(max(groups)) + 1
    middle = math.log(_USUAL_LENGTH) + 0.5 * math.log(d / 2)
    squares = np.zeros((len(x), len(x), d))
    for feature, group in enumerate(groups):
        squares[:, :, group] += (x[:, None, feature] - x[None, :, feature]) ** 2
    bounds = [_LENGTHS] * d + [_NOISE]
    best: Any = None
    for start in (middle, middle - 1.5):
        begin = np.array([start] * d + [_NOISE_PRIOR[0]])
        begin = np.clip(begin, [low for low, _ in bounds], [high for _, high in bounds])
        found = minimize(
            _objective, begin, args=(squares, y, middle), jac=True, method="L-BFGS-B", bounds=bounds,
            options={"maxiter": _STEPS},
        )  # fmt: skip
        if best is None or found.fun < best.fun:
            best = found
    length, noise = np.exp(best.x[:d])[np.asarray(groups)], float(np.exp(best.x[d]))
    unit = _conditioned(x, y, length, noise, 1.0)
    signal = max(float(y @ unit.weights) / len(y), 1e-6)
    return _conditioned(x, y, length, noise * signal, signal)


def _objective(theta: Array, squares: Array, y: Array, middle: float) -> tuple[float, Array]:
    """Minus the log posterior of log length scales and log noise (the signal variance at its optimum), and gradient."""
    from scipy.linalg import cho_factor, cho_solve

    n, d = len(y), len(theta) - 1
    inverse = np.exp(-2 * theta[:d])
    r = np.sqrt(squares @ inverse)
    decay = np.exp(-_ROOT5 * r)
    noise = math.exp(theta[d])
    k = (1 + _ROOT5 * r + 5 / 3 * r**2) * decay
    k[np.diag_indices(n)] += noise + 1e-9
    try:
        factor = cho_factor(k, lower=True, check_finite=False)
    except np.linalg.LinAlgError:
        return 1e10, np.zeros_like(theta)
    inverted = cho_solve(factor, np.eye(n), check_finite=False)
    alpha = inverted @ y
    signal = max(float(y @ alpha) / n, 1e-10)
    prior = (theta[:d] - middle) / _SPREAD
    quiet = (theta[d] - _NOISE_PRIOR[0]) / _NOISE_PRIOR[1]
    value = 0.5 * n * math.log(signal) + float(np.log(np.diag(factor[0])).sum())
    value += 0.5 * float(prior @ prior) + 0.5 * quiet**2
    outer = 0.5 * (inverted - np.outer(alpha, alpha) / signal)
    # dk/dlog length_j = 5/3 (1 + sqrt(5) r) exp(-sqrt(5) r) squares_j / length_j^2
    common = outer * (5 / 3 * (1 + _ROOT5 * r) * decay)
    gradient = np.empty_like(theta)
    gradient[:d] = np.einsum("ij,ijk->k", common, squares) * inverse + prior / _SPREAD
    gradient[d] = noise * np.trace(outer) + quiet / _NOISE_PRIOR[1]
    return value, gradient


def _conditioned(x: Array, y: Array, length: Array, noise: float, signal: float) -> Process:
    from scipy.linalg import cho_solve, cholesky

    k = signal * _matern(x / length, x / length)
    jitter = 1e-9 * signal
    while True:
        try:
            lower = cholesky(k + (noise + jitter) * np.eye(len(x)), lower=True, check_finite=False)
            break
        except np.linalg.LinAlgError:
            jitter *= 10
    return Process(x, length, noise, signal, lower, cho_solve((lower, True), y, check_finite=False))


def _matern(a: Array, b: Array) -> Array:
    squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None, :] - 2 * a @ b.T
    r = np.sqrt(np.maximum(squared, 0.0))
    found: Array = (1 + _ROOT5 * r + 5 / 3 * r**2) * np.exp(-_ROOT5 * r)
    return found


def log_improvement(mean: Array, sd: Array, best: float) -> Array:
    """The logarithm of the expected improvement below `best` of normal predictions [m]."""
    from scipy.special import erfcx, log_ndtr

    z = (best - mean) / sd
    out = np.empty_like(z)
    high, low = z > -1, z <= -1
    u = z[high]
    out[high] = np.log(np.exp(-(u**2) / 2) / math.sqrt(2 * math.pi) + u * np.exp(log_ndtr(u)))
    u = z[low]
    # phi(u) + u Phi(u) = phi(u) (1 - |u| M(u)), with Mills' ratio M; beyond -1e3 it is phi(u) / u^2
    mills = math.sqrt(math.pi / 2) * erfcx(-u / math.sqrt(2))
    rest = np.where(u > -1e3, np.log1p(np.maximum(u * mills, -1 + 1e-15)), -2 * np.log(np.maximum(-u, 1.0)))
    out[low] = -(u**2) / 2 - 0.5 * math.log(2 * math.pi) + rest
    return out + np.log(sd)
