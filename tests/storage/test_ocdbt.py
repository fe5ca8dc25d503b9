"""Checkpoints read without Orbax are those that Orbax reads, and whatever is unusual is left to it."""

import json
import os
import resource
import shutil
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from econml_cli.errors import DamagedError
from econml_cli.storage import checkpoint, ocdbt
from econml_cli.storage.checkpoint import CheckpointWriter
from tests.support.waiting import never_idle

MADE_BEFORE = Path(__file__).parent.parent / "data/made_by_0.1"
SECTIONS = {
    "model": {"linear1.kernel": np.arange(6, dtype=np.float32).reshape(2, 3), "linear1.bias": np.ones(3, np.float64)},
    "rng": {"key": np.array([1, 2], np.uint32)},
    "position": {"epoch": np.array(7, np.int32), "stopped": np.array(True)},
}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A directory with the checkpoint of epoch 7."""
    directory = tmp_path_factory.mktemp("checkpoints")
    writer = CheckpointWriter(directory, keep=2)
    writer.save(7, SECTIONS)
    writer.close()
    return directory


@pytest.fixture
def copied(written, tmp_path):
    """A copy to be changed."""
    return Path(shutil.copytree(written, tmp_path / "checkpoints"))


def same(found, expected):
    """Names, dtypes, shapes and bits."""
    assert {name: sorted(part) for name, part in found.items()} == {n: sorted(p) for n, p in expected.items()}
    for name, part in expected.items():
        for leaf, value in part.items():
            assert found[name][leaf].dtype == value.dtype and found[name][leaf].shape == value.shape
            np.testing.assert_array_equal(found[name][leaf], value)


def refuse(*args):
    raise ocdbt.UnusualError


def everything(names):
    return [(section, leaf) for section, leaves in names.items() for leaf in leaves]


def test_what_is_read_is_what_was_written(written, monkeypatch):
    monkeypatch.setattr(checkpoint, "_orbax", refuse)  # it is not asked
    epoch, found = checkpoint.load(written)
    assert epoch == 7
    same(found, SECTIONS)


@pytest.mark.parametrize("place", sorted(MADE_BEFORE.rglob("checkpoints"))[:2], ids=lambda p: p.parent.name)
def test_checkpoints_of_0_1_are_read_the_same_by_both(place, monkeypatch):
    _, mine = checkpoint.load(place)
    monkeypatch.setattr(ocdbt, "read", refuse)
    same(mine, checkpoint.load(place)[1])


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.update(use_zarr3=True),
        lambda m: m.update(tree_metadata=[]),
        lambda m: next(iter(m["tree_metadata"].values()))["value_metadata"].update(value_type="jax.Array"),
        lambda m: next(iter(m["tree_metadata"].values()))["key_metadata"].pop(),
        lambda m: next(iter(m["tree_metadata"].values()))["key_metadata"][0].update(key="../model"),
    ],
)
def test_metadata_that_are_not_ours_are_unusual(copied, change):
    file = copied / "7/default/_METADATA"
    metadata = json.loads(file.read_text())
    change(metadata)
    file.write_text(json.dumps(metadata))
    with pytest.raises(ocdbt.UnusualError):
        ocdbt.read(copied / "7", 1e9, everything)


def test_arrays_that_claim_more_than_they_may_are_not_allocated(written):
    with pytest.raises(ocdbt.UnusualError, match="claims"):
        ocdbt.read(written / "7", 10, everything)


def test_a_store_that_claims_a_million_times_a_million_is_refused_before_anything_is_allocated(copied):
    """Zeros that nobody has stored: 4 TB for whoever believes it."""
    import tensorstore as ts

    store = ts.KvStore.open({"driver": "ocdbt", "base": f"file://{copied}/7/default/"}).result()
    key = "model.linear1.kernel/.zarray"
    about = json.loads(store.read(key).result().value)
    store.write(key, json.dumps({**about, "shape": [10**6, 10**6], "chunks": [10**6, 10**6]}).encode()).result()
    unit = 1 if sys.platform == "darwin" else 1024
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    with pytest.raises(DamagedError, match=r"claims arrays of 4,000\.0 GB in files of 0\.0 MB"):
        checkpoint.load(copied)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit - before < 5e8


@pytest.mark.parametrize("lay", [lambda path, there: path.symlink_to(there), lambda path, there: os.mkfifo(path)])
def test_a_link_or_a_pipe_in_a_checkpoint_is_damage(copied, tmp_path, lay):
    """A link out of the run would be read as weights, a pipe waited for."""
    data = max((copied / "7/default/d").iterdir(), key=lambda p: p.stat().st_size)
    data.rename(tmp_path / "elsewhere")
    lay(data, tmp_path / "elsewhere")
    with never_idle(), pytest.raises(DamagedError, match=f"{data.name[:40]}.* is neither a file nor a directory"):
        checkpoint.load(copied)


def test_a_changed_byte_is_told_as_damage_without_orbax(copied, monkeypatch):
    monkeypatch.setattr(checkpoint, "_orbax", refuse)
    data = max((copied / "7/default/d").iterdir(), key=lambda p: p.stat().st_size)
    held = bytearray(data.read_bytes())
    held[len(held) // 2] ^= 0xFF
    data.write_bytes(held)
    with pytest.raises(DamagedError, match="damaged"):
        checkpoint.load(copied)


def model_alone(names):
    return {("model", leaf) for leaf in names["model"]}


def test_a_part_is_read_and_the_rest_has_its_shapes(written):
    _, found = checkpoint.load(written, wanted=model_alone)
    same({"model": found["model"]}, {"model": SECTIONS["model"]})
    for section in ("rng", "position"):
        for leaf, value in SECTIONS[section].items():
            assert found[section][leaf] == jax.ShapeDtypeStruct(value.shape, value.dtype)


def stored_as(place, leaf, value):
    """An array of a checkpoint in place of the one that was saved, whole in itself, with the digests as they were."""
    import tensorstore as ts

    kvstore = {"driver": "ocdbt", "base": f"file://{place}/7/default/", "path": f"{leaf}/"}
    ts.open({"driver": "zarr", "kvstore": kvstore}).result().write(value).result()


@pytest.mark.parametrize(("leaf", "noticed"), [("model.linear1.bias", True), ("rng.key", False)])
def test_other_numbers_are_damage_where_they_are_read(copied, leaf, noticed):
    section, _, name = leaf.partition(".")
    stored_as(copied, leaf, SECTIONS[section][name] + 1)
    with pytest.raises(DamagedError, match="its digest does not match"):
        checkpoint.load(copied)
    if noticed:
        with pytest.raises(DamagedError, match="its digest does not match"):
            checkpoint.load(copied, wanted=model_alone)
    else:
        same({"model": checkpoint.load(copied, wanted=model_alone)[1]["model"]}, {"model": SECTIONS["model"]})


def test_a_leaf_that_the_metadata_no_longer_list_is_damage_in_a_part_too(copied):
    file = copied / "7/default/_METADATA"
    metadata = json.loads(file.read_text())
    del metadata["tree_metadata"]["('rng', 'key')"]
    file.write_text(json.dumps(metadata))
    with pytest.raises(DamagedError, match="its digest does not match"):
        checkpoint.load(copied, wanted=model_alone)


@pytest.mark.parametrize("place", sorted(MADE_BEFORE.rglob("checkpoints"))[:1], ids=lambda p: p.parent.name)
def test_of_a_checkpoint_with_one_digest_of_all_everything_is_read(place):
    _, found = checkpoint.load(place, wanted=model_alone)
    assert all(isinstance(value, np.ndarray) for part in found.values() for value in part.values())
