"""Which commit of the user's repository a fit was made with: read from `.git` itself, nothing is started.

`git status` runs what the repository's own configuration says (core.fsmonitor, filters, hooks), and that may be the
configuration of a folder that somebody sent. So the files are read here: HEAD, the index, and the commit's tree, in the
formats of git's documentation (gitrepository-layout, gitformat-index, gitformat-pack). The configuration is never read.
"""

import contextlib
import difflib
import hashlib
import itertools
import os
import stat
import struct
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from econml_cli.storage import disk

#: bytes of an index or an object that are read at most, and seconds that comparing files may take
MOST_BYTES, MOST_SECONDS = 64_000_000, 2.0
#: deltas upon deltas of a packed object: git itself makes 50 at most
MOST_DELTAS = 100
#: the file of a run with what `diff` gives; its characters, and those of one version of a file in it, at most
DIFF, MOST_DIFF, MOST_FILE = "uncommitted.diff", 200_000, 100_000
#: files whose lines are kept nowhere: data, and what may be a secret
_DATA = (".csv", ".tsv", ".dta", ".json", ".jsonl", ".parquet", ".feather", ".gz", ".bz2", ".ipynb", ".lock")
_SECRET = (".pem", ".key", ".p12", ".pfx", ".netrc", ".pgpass", ".env")
_HEX = frozenset("0123456789abcdef")
_LINK, _SUBMODULE = 0o120000, 0o160000
_ASSUMED, _SKIPPED = 0x8000, 0x4000


def commit(directory: Path) -> str | None:
    """The commit that a directory's repository is at, with "+changes" where tracked files differ from it.

    None outside a repository, and where it cannot be read. What would take too long to compare counts as unchanged.
    """
    with contextlib.suppress(OSError, ValueError, LookupError, struct.error, zlib.error):
        if (found := _Repository.around(directory)) is None or (head := found.head()) is None:
            return None
        changed = False
        with contextlib.suppress(OSError, ValueError, LookupError, struct.error, zlib.error):
            changed = found.changed(head)
        return head + "+changes" * changed
    return None


def diff(directory: Path) -> str | None:
    """How the tracked files of a directory's repository differ from its commit, as `git apply` reads it; None where
    they do not, outside a repository, and where it cannot be read.

    Of files that are data, large, no text, or may hold a secret only the names are said (a line that begins with "#").
    """
    with contextlib.suppress(OSError, ValueError, LookupError, struct.error, zlib.error):
        if (found := _Repository.around(directory)) is not None and (head := found.head()) is not None:
            return "".join(found.differences(head)) or None
    return None


@dataclass(frozen=True)
class _Entry:
    """A tracked file, as the index has it."""

    path: bytes
    mode: int
    size: int
    modified: tuple[int, int]
    digest: bytes
    flags: int


@dataclass(frozen=True)
class _Repository:
    """`work`: the working tree. `own`: its .git directory. `common`: the one that all working trees share."""

    work: Path
    own: Path
    common: Path

    @classmethod
    def around(cls, directory: Path) -> "_Repository | None":
        """The repository that a directory is in."""
        for work in (directory, *directory.parents):
            own = work / ".git"
            if own.is_file():  # of a further working tree, or a submodule
                own = work / _text(own).removeprefix("gitdir:").strip()
            if (own / "HEAD").is_file():
                common = own / "commondir"
                return cls(work, own, own / _text(common).strip() if common.is_file() else own)
        return None

    def head(self) -> str | None:
        """The commit of HEAD, in hex; None before the first one."""
        word = _text(self.own / "HEAD").strip()
        for _ in range(5):  # a reference may name another
            if not word.startswith("ref:"):
                return word if len(word) in (40, 64) and set(word) <= _HEX else None
            name = word.removeprefix("ref:").strip()
            if ".." in name or not name.startswith("refs/"):
                return None
            there = next((path for path in (self.own / name, self.common / name) if path.is_file()), None)
            word = _text(there).strip() if there else self._packed_reference(name)
        return None

    def _packed_reference(self, name: str) -> str:
        for line in _text(self.common / "packed-refs").splitlines():
            if line.endswith(f" {name}"):
                return line.partition(" ")[0]
        return ""

    def changed(self, head: str) -> bool:
        """Whether the tracked files, or what is staged of them, differ from a commit."""
        size = len(head) // 2
        algorithm = "sha1" if size == 20 else "sha256"
        entries, written = self._index(size)
        kind, body = _Objects(self.common / "objects", size).read(bytes.fromhex(head))
        if kind != b"commit" or _tree(entries, algorithm).hex().encode() != body.split(b"\n", 1)[0].split(b" ")[-1]:
            return True
        end = time.monotonic() + MOST_SECONDS
        for entry in entries:
            if entry.mode == _SUBMODULE or entry.flags & (_ASSUMED | _SKIPPED << 16):
                continue
            if time.monotonic() > end:
                return False
            if _differs(os.fsencode(self.work), entry, written, algorithm):
                return True
        return False

    def differences(self, head: str) -> Iterator[str]:
        """The differences from a commit, file by file, until they are too many."""
        size = len(head) // 2
        algorithm = "sha1" if size == 20 else "sha256"
        objects = _Objects(self.common / "objects", size)
        entries, written = self._index(size)
        tree = objects.read(bytes.fromhex(head))[1].split(b"\n", 1)[0].split(b" ")[-1]
        now = {e.path: e for e in entries if e.mode != _SUBMODULE and not e.flags & (_ASSUMED | _SKIPPED << 16)}
        before = {path: (e.mode, e.digest) for path, e in now.items()}
        end, length = time.monotonic() + MOST_SECONDS, 0
        if _tree(entries, algorithm).hex().encode() != tree:  # something is staged
            before = dict(objects.files(bytes.fromhex(tree.decode()), end))
        for path in sorted(before.keys() | now.keys()):
            if length > MOST_DIFF or time.monotonic() > end:
                yield "# there is more, which is left out\n"
                return
            was, entry = before.get(path), now.get(path)
            staged = was is None or entry is None or was != (entry.mode, entry.digest)
            if entry is not None and not staged and not _differs(os.fsencode(self.work), entry, written, algorithm):
                continue
            told = self._told(path, None if was is None else objects.read(was[1])[1], was[0] if was else None)
            length += len(told)
            yield told

    def _told(self, path: bytes, old: bytes | None, mode: int | None) -> str:
        """One file: what it was in the commit, None where it was not, and what it is."""
        name = path.decode("utf-8", "backslashreplace")
        new = _now(os.fsencode(self.work), path)
        if old is not None and new is not None and b"\r\n" not in old:
            new = new.replace(b"\r\n", b"\n")  # as git may have it here
        if old == new:
            return ""
        if name.lower().endswith((*_DATA, *_SECRET)) or Path(name).name.startswith((".env", "id_")):
            return f"# {name} differs; it may hold data or a secret, so it is not shown\n"
        texts = [_lines(each) for each in (old, new)]
        if texts[0] is None or texts[1] is None or not name.isprintable() or '"' in name:
            return f"# {name} differs; it is no text, or large, so it is not shown\n"
        head = [f"diff --git a/{name} b/{name}\n"]
        head += [f"new file mode {_mode_of(self.work / name)}\n"] if old is None else []
        head += [f"deleted file mode {mode or 0o100644:o}\n"] if new is None else []
        tab = "\t" if " " in name else ""
        ends = "/dev/null" if old is None else f"a/{name}{tab}", "/dev/null" if new is None else f"b/{name}{tab}"
        lines = difflib.unified_diff(texts[0], texts[1], *ends)
        return "".join([*head, *(x if x.endswith("\n") else f"{x}\n\\ No newline at end of file\n" for x in lines)])

    def _index(self, size: int) -> tuple[list[_Entry], tuple[int, int]]:
        """What is tracked, by path, and when the index was written."""
        path = self.own / "index"
        about = path.stat()
        data = _bytes(path)
        signature, version, count = struct.unpack_from(">4sII", data)
        if signature != b"DIRC" or version not in (2, 3, 4):
            raise ValueError("an index of another kind")
        entries, at, before = list[_Entry](), 12, b""
        for _ in range(count):
            entry, at = _entry(data, at, size, version, before)
            before = entry.path
            entries.append(entry)
        if data[at : at + 4] == b"link":  # a split index: the other half is elsewhere
            raise ValueError("an index of another kind")
        return entries, (about.st_mtime_ns // 10**9, about.st_mtime_ns % 10**9)


def _entry(data: bytes, at: int, size: int, version: int, before: bytes) -> tuple[_Entry, int]:
    """One entry of an index, and where the next one begins."""
    fields = struct.unpack_from(">10I", data, at)
    digest = data[at + 40 : at + 40 + size]
    name = at + 42 + size
    (flags,) = struct.unpack_from(">H", data, at + 40 + size)
    if flags & 0x4000:  # extended
        flags |= struct.unpack_from(">H", data, name)[0] << 16
        name += 2
    if version == 4:
        cut, name = _offset(data, name)
        end = data.index(b"\0", name)
        path, following = before[: len(before) - cut] + data[name:end], end + 1
    else:
        end = data.index(b"\0", name)
        path = data[name:end]
        following = at + (end - at + 8) // 8 * 8
    return _Entry(path, fields[6], fields[9], (fields[2], fields[3]), digest, flags), following


def _now(work: bytes, path: bytes) -> bytes | None:
    """The contents of a tracked file as it is; None where it is gone; no text where it is a link, or cannot be read."""
    parts = path.split(b"/")
    if {b"", b".", b"..", b".git"} & set(parts):
        return b"\0"
    if any(os.path.islink(os.path.join(work, *parts[:i])) for i in range(1, len(parts) + 1)):  # noqa: PTH114, PTH118
        return b"\0"
    try:
        return _bytes(Path(os.fsdecode(os.path.join(work, *parts))))  # noqa: PTH118
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return b"\0"


def _lines(body: bytes | None) -> list[str] | None:
    """The lines of a text, [] of a file that is not there; None of what is no text, or large."""
    if body is None:
        return []
    if len(body) > MOST_FILE or b"\0" in body:
        return None
    try:
        *whole, last = body.decode().split("\n")
    except UnicodeDecodeError:
        return None
    return [f"{line}\n" for line in whole] + ([last] if last else [])


def _mode_of(path: Path) -> str:
    """As git says it."""
    return "100755" if os.access(path, os.X_OK) else "100644"


def _differs(work: bytes, entry: _Entry, written: tuple[int, int], algorithm: str) -> bool:
    """Whether a tracked file is no longer what the index says. Only regular files and links inside are looked at."""
    parts = entry.path.split(b"/")
    if not entry.path or {b"", b".", b"..", b".git"} & set(parts):
        return True
    if any(os.path.islink(os.path.join(work, *parts[:i])) for i in range(1, len(parts))):  # noqa: PTH114, PTH118
        return True
    path = os.path.join(work, *parts)  # noqa: PTH118 - bytes, which a path of git is
    try:
        found = os.lstat(path)
    except OSError:
        return True
    if stat.S_ISLNK(found.st_mode) != (entry.mode == _LINK):
        return True
    if stat.S_ISLNK(found.st_mode):
        return _digest(b"blob", os.readlink(path), algorithm) != entry.digest  # noqa: PTH115
    if not stat.S_ISREG(found.st_mode):
        return True
    modified = (found.st_mtime_ns // 10**9 & 0xFFFFFFFF, found.st_mtime_ns % 10**9)
    same = found.st_size & 0xFFFFFFFF == entry.size and modified == entry.modified
    if same and modified < written:
        return False
    contents = _bytes(Path(os.fsdecode(path)))
    if _digest(b"blob", contents, algorithm) == entry.digest:
        return False
    return _digest(b"blob", contents.replace(b"\r\n", b"\n"), algorithm) != entry.digest


def _digest(kind: bytes, body: bytes, algorithm: str) -> bytes:
    return hashlib.new(algorithm, b"%s %d\0%s" % (kind, len(body), body), usedforsecurity=False).digest()


def _tree(entries: Sequence[_Entry], algorithm: str, depth: int = 0) -> bytes:
    """The digest of the tree that these entries, sorted by path, would be committed as."""
    body = []
    for name, group in itertools.groupby(entries, lambda entry: entry.path.split(b"/", depth + 1)[depth]):
        inside = list(group)
        if inside[0].path.count(b"/") == depth:
            body.append((name, b"%o %s\0%s" % (inside[0].mode, name, inside[0].digest)))
        else:  # git sorts a directory as if its name ended in a slash
            body.append((name + b"/", b"40000 %s\0%s" % (name, _tree(inside, algorithm, depth + 1))))
    return _digest(b"tree", b"".join(line for _, line in sorted(body)), algorithm)


class _Objects:
    """The objects of a repository, loose or packed."""

    def __init__(self, directory: Path, size: int):
        self._size = size
        self._places = [directory]
        borrowed = directory / "info" / "alternates"
        if borrowed.is_file():
            self._places += [directory / line for line in _text(borrowed).splitlines()[:10] if line]

    def read(self, digest: bytes, depth: int = 0) -> tuple[bytes, bytes]:
        """(kind, contents) of an object.

        Raises:
            LookupError: there is none. ValueError, struct.error, zlib.error: it is damaged.
        """
        name = digest.hex()
        for place in self._places:
            loose = place / name[:2] / name[2:]
            if loose.is_file():
                head, _, body = _inflate(_bytes(loose)).partition(b"\0")
                return head.partition(b" ")[0], body
            for index in sorted((place / "pack").glob("*.idx")):
                if (offset := _find(index, digest, self._size)) is not None:
                    return self._packed(index.with_suffix(".pack"), offset, depth)
        raise LookupError(name)

    def files(self, tree: bytes, end: float, prefix: bytes = b"") -> Iterator[tuple[bytes, tuple[int, bytes]]]:
        """(path, (mode, digest)) of the files of a tree; not of submodules.

        Raises:
            ValueError: it takes too long.
        """
        body, at = self.read(tree)[1], 0
        if time.monotonic() > end or prefix.count(b"/") > MOST_DELTAS:
            raise ValueError("too large a tree")
        while at < len(body):
            space, zero = body.index(b" ", at), body.index(b"\0", at)
            mode, name, digest = int(body[at:space], 8), body[space + 1 : zero], body[zero + 1 : zero + 1 + self._size]
            at = zero + 1 + self._size
            if mode == 0o40000:
                yield from self.files(digest, end, prefix + name + b"/")
            elif mode != _SUBMODULE:
                yield prefix + name, (mode, digest)

    def _packed(self, pack: Path, offset: int, depth: int) -> tuple[bytes, bytes]:
        if depth > MOST_DELTAS:
            raise ValueError("deltas without end")
        with disk.opened(pack) as file:
            file.seek(offset)
            data = file.read(4_000_000)  # a commit is small, and so is a text that is shown
        kind, at = data[0] >> 4 & 7, 1
        while data[at - 1] & 0x80:
            at += 1
        if kind == 6:  # a delta of an object that stands before it
            back, at = _offset(data, at)
            base = self._packed(pack, offset - back, depth + 1)
        elif kind == 7:
            base = self.read(data[at : at + self._size], depth + 1)
            at += self._size
        else:
            return {1: b"commit", 2: b"tree", 3: b"blob", 4: b"tag"}[kind], _inflate(data[at:])
        return base[0], _patched(base[1], _inflate(data[at:]))


def _find(index: Path, digest: bytes, size: int) -> int | None:
    """Where in its pack an object stands, by the pack's index."""
    with disk.opened(index) as file:
        head = file.read(8 + 1024)
        if head[:8] != b"\377tOc\0\0\0\2":
            return None
        fanout = struct.unpack(">256I", head[8:])
        low, high, count = fanout[digest[0] - 1] if digest[0] else 0, fanout[digest[0]], fanout[255]
        while low < high:
            middle = (low + high) // 2
            file.seek(1032 + middle * size)
            found = file.read(size)
            if found == digest:
                file.seek(1032 + count * (size + 4) + middle * 4)
                (offset,) = struct.unpack(">I", file.read(4))
                if offset & 0x80000000:  # a pack of more than 2 GiB
                    file.seek(1032 + count * (size + 8) + (offset & 0x7FFFFFFF) * 8)
                    (offset,) = struct.unpack(">Q", file.read(8))
                return int(offset)
            low, high = (middle + 1, high) if found < digest else (low, middle)
    return None


def _offset(data: bytes, at: int) -> tuple[int, int]:
    """A number of git's, seven bits a byte, each further byte adding one to what stands before it."""
    value = data[at] & 0x7F
    while data[at] & 0x80:
        at += 1
        value = (value + 1 << 7) | data[at] & 0x7F
    return value, at + 1


def _patched(base: bytes, delta: bytes) -> bytes:
    """An object from another one and the instructions of a delta."""
    at = 0
    for _ in range(2):  # the sizes of both
        while delta[at] & 0x80:
            at += 1
        at += 1
    out = bytearray()
    while at < len(delta):
        code, at = delta[at], at + 1
        if not code & 0x80:
            out += delta[at : at + code]
            at += code
            continue
        numbers: Iterator[int] = iter(delta[at : at + (code & 0x7F).bit_count()])
        at += (code & 0x7F).bit_count()
        start = sum(next(numbers) << 8 * i for i in range(4) if code >> i & 1)
        length = sum(next(numbers) << 8 * i for i in range(3) if code >> 4 + i & 1) or 0x10000
        out += base[start : start + length]
        if len(out) > MOST_BYTES:
            raise ValueError("too large")
    return bytes(out)


def _inflate(data: bytes) -> bytes:
    body = zlib.decompressobj().decompress(data, MOST_BYTES)
    if len(body) == MOST_BYTES:
        raise ValueError("too large")
    return body


def _bytes(path: Path) -> bytes:
    """A regular file's bytes: a pipe or a device could be waited for for ever."""
    return disk.read_bytes(path, MOST_BYTES)


def _text(path: Path) -> str:
    return _bytes(path).decode("utf-8", "replace")
