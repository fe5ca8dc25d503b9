"""The lecture's regression as a plain script: one Python loop over epochs and batches around one jitted step.

`fit.py --process` compares its whole process with `econml fit mlp --optimizer sgd`, which does the same training: the
same draws from one `nnx.Rngs(42)`, the same initial weights, the same 2000 steps. Prints the final train and test loss
(2.97e-4 and 2.72e-4).
"""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import optax
from flax import nnx

N, M, N_TEST = 500, 2, 200
SIGMA = 1e-4
WIDTH = 128
LR = 1e-3
NUM_EPOCHS = 2000
BATCH_SIZE = 512
SEED = 42


class MLP(nnx.Module):
    """Two hidden layers of relu units: [n, din] -> [n, dout]."""

    def __init__(self, din: int, dout: int, width: int, *, rngs: nnx.Rngs):
        self.linear1 = nnx.Linear(din, width, rngs=rngs)
        self.linear2 = nnx.Linear(width, width, rngs=rngs)
        self.linear3 = nnx.Linear(width, dout, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        x = nnx.relu(self.linear1(x))
        x = nnx.relu(self.linear2(x))
        return self.linear3(x)


def loss_fn(model: MLP, x: jax.Array, y: jax.Array) -> jax.Array:
    """Mean squared error."""
    return jnp.mean(jnp.square(model(x)[:, 0] - y))


@nnx.jit
def train_step(model: MLP, optimizer: nnx.Optimizer, x: jax.Array, y: jax.Array) -> jax.Array:
    """One gradient step on one batch, in place; returns the loss before it."""
    loss, grads = nnx.value_and_grad(loss_fn)(model, x, y)
    optimizer.update(model, grads)
    return loss


def batches(key: jax.Array, x: jax.Array, y: jax.Array, batch_size: int) -> Iterator[tuple[jax.Array, jax.Array]]:
    """The sample in random order, a batch at a time."""
    order = jax.random.permutation(key, x.shape[0])
    for start in range(0, x.shape[0], batch_size):
        index = order[start : start + batch_size]
        yield x[index], y[index]


def main() -> None:
    """Draw the data, train, print two losses."""
    rngs = nnx.Rngs(SEED)
    theta = jax.random.normal(rngs(), (M,))
    x = jax.random.normal(rngs(), (N, M))
    y = x @ theta + SIGMA * jax.random.normal(rngs(), (N,))
    model = MLP(M, 1, WIDTH, rngs=rngs)
    x_test = jax.random.normal(rngs(), (N_TEST, M))
    y_test = x_test @ theta + SIGMA * jax.random.normal(rngs(), (N_TEST,))

    optimizer = nnx.Optimizer(model, optax.sgd(LR), wrt=nnx.Param)
    for _ in range(NUM_EPOCHS):
        for x_batch, y_batch in batches(rngs(), x, y, BATCH_SIZE):
            train_step(model, optimizer, x_batch, y_batch)

    print(f"train_loss: {loss_fn(model, x, y):.4e}")
    print(f"test_loss: {loss_fn(model, x_test, y_test):.4e}")


if __name__ == "__main__":
    main()
