"""Checkpoints: what is saved comes back, and what is damaged or foreign is refused."""

import shutil
from pathlib import Path

import jax
import numpy as np
import pytest

from econml_cli.config.fit_config import build
from econml_cli.errors import CheckpointError
from econml_cli.storage import checkpoint, digests
from econml_cli.training.loop.trainer import Trainer
from econml_cli.training.run.restore import from_sections, to_sections
from econml_cli.training.setup.setup import assemble


def trainer_of(**options):
    defaults = {"width": 4, "N": 40, "N_test": 20, "N_val": 20, "num_epochs": 3, "batch_size": 16}
    return Trainer(assemble(build("mlp", "linear", [("test", defaults | options)])))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A trained position and the directory of its checkpoints 2 and 3."""
    directory = tmp_path_factory.mktemp("written") / "ck"
    trainer = trainer_of()
    list(trainer.run())
    writer = checkpoint.CheckpointWriter(directory, keep=2)
    for step in (1, 2, 3):
        writer.save(step, to_sections(trainer.carry, "ab" * 16))
    writer.close()
    return trainer, directory


@pytest.fixture
def saved(written, isolated):
    """The same, the directory a copy that may be damaged."""
    trainer, directory = written
    return trainer, Path(shutil.copytree(directory, isolated / "ck"))


@pytest.mark.slow
def test_only_the_newest_are_kept(saved):
    assert checkpoint.steps(saved[1]) == [2, 3]


def test_a_position_comes_back_bit_for_bit(saved):
    trainer, directory = saved
    step, sections = checkpoint.load(directory)
    back = from_sections(trainer_of().carry, sections, "it")
    assert step == 3
    for a, b in zip(jax.tree.leaves(trainer.carry), jax.tree.leaves(back), strict=True):
        if jax.dtypes.issubdtype(a.dtype, jax.dtypes.prng_key):
            a, b = jax.random.key_data(a), jax.random.key_data(b)
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


def test_paths_are_plain_names(saved):
    _, sections = checkpoint.load(saved[1])
    assert set(sections) == {"identity", "model", "optimizer", "rng", "position"}
    assert set(sections["model"]) == {f"linear{i}.{leaf}" for i in (1, 2, 3) for leaf in ("kernel", "bias")}


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"width": 9}, "linear1.bias"),
        ({"depth": 3}, "linear4"),
        ({"depth": 1}, "linear3"),
        ({"optimizer": "sgd"}, "optimizer"),
    ],
)
def test_a_checkpoint_of_another_model_is_refused_by_name(saved, other, says):
    _, sections = checkpoint.load(saved[1])
    with pytest.raises(CheckpointError, match=says):
        from_sections(trainer_of(**other).carry, sections, "it")


def test_a_missing_step_is_answered_with_those_there(saved):
    with pytest.raises(CheckpointError, match=r"2, 3\.$"):
        checkpoint.load(saved[1], 7)
    with pytest.raises(CheckpointError, match=r"2, 3 \(--keep says how many"):
        checkpoint.load(saved[1], 1)


def test_an_empty_directory_has_no_checkpoint(isolated):
    with pytest.raises(CheckpointError, match="no finished checkpoint"):
        checkpoint.load(isolated)


def replaced_by_step_4(directory, monkeypatch):
    """A fit that deletes step 3, for a new step 4, between the listing of the steps and the reading of one."""
    restored = checkpoint._restored

    def late(where, step, *others):
        if step == 3 and (directory / "3").exists():
            (directory / "3").rename(directory / "4")
            shutil.rmtree(directory / "2")
        return restored(where, step, *others)

    monkeypatch.setattr(checkpoint, "_restored", late)


def test_of_a_run_in_training_the_checkpoint_after_a_deleted_one_is_read(saved, monkeypatch):
    good = checkpoint.load(saved[1])[1]
    replaced_by_step_4(saved[1], monkeypatch)
    step, sections = checkpoint.load(saved[1])
    assert step == 4
    assert digests.whole(sections) == digests.whole(good)


def test_a_step_that_a_fit_deletes_while_it_is_read_is_not_called_damaged(saved, monkeypatch):
    replaced_by_step_4(saved[1], monkeypatch)
    with pytest.raises(CheckpointError, match=r"epoch 3 in .* has been replaced by newer ones: the run is being"):
        checkpoint.load(saved[1], 3)


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")  # threads of Orbax that outlive it
@pytest.mark.parametrize("damage", ["truncate", "flip", pytest.param("delete", marks=pytest.mark.slow)])
def test_damage_to_any_file_is_noticed_or_harmless(saved, damage):
    _, directory = saved
    good = digests.whole(checkpoint.load(directory)[1])
    files = sorted(p for p in (directory / "3").rglob("*") if p.is_file())
    noticed = 0
    for path in files:
        data = path.read_bytes()
        if damage == "delete":
            path.unlink()
        else:
            broken = bytearray(data[: len(data) // 2] if damage == "truncate" else data)
            if damage == "flip" and broken:
                broken[len(broken) // 2] ^= 0xFF
            path.write_bytes(bytes(broken))
        try:
            assert digests.whole(checkpoint.load(directory, 3)[1]) == good
        except CheckpointError as error:
            noticed += 1
            assert "damaged" in str(error) and "--step 2" in str(error)
        path.write_bytes(data)
    assert noticed >= 1  # the data files at least
