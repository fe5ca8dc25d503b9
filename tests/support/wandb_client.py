"""A W&B client that breaks where it is told to, and what the real one leaves on disk."""

from types import SimpleNamespace


def records(path):
    """The protobuf records of a .wandb file: a LevelDB log after a header of 7 bytes."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, at, whole, found = path.read_bytes(), 7, b"", []
    while at + 7 <= len(data):
        if (left := 32768 - at % 32768) < 7:  # the rest of a block that holds no record header
            at += left
            continue
        length, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        whole += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part of one
            found.append(Record.FromString(whole))
            whole = b""
    return found


class Broken:
    """A wandb whose run breaks where it is told to."""

    def __init__(self, where):
        self.where, self.errors = where, SimpleNamespace(CommError=ConnectionError)
        self.summary, self.settings, self.url = {}, SimpleNamespace(), None
        self.torn_down = 0

    class Settings:
        model_fields = ()

        def __init__(self, **settings):
            pass

    def __getattr__(self, name):  # setup, init, log, finish
        def call(*args, **kwargs):
            if name == self.where:
                raise RuntimeError(f"{name} broke.\n Badly.")
            return self

        return call

    def teardown(self):
        self.torn_down += 1
