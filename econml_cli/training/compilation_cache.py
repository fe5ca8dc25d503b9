"""JAX's persistent compilation cache, so that the second start of the same program is cheap."""

import builtins
import contextlib
import hashlib
import importlib
import os
import platform
import re
import stat
import warnings
import zlib
from pathlib import Path
from typing import Any

#: what JAX warns of where it cannot read or write an entry; it then compiles, and never mends the entry
_TROUBLE = re.compile(
    r"Error (?P<doing>reading|writing) persistent compilation cache entry for '(?P<name>[^']*)': (?P<error>\w+)"
)
#: with what an entry begins that JAX has packed with zstd, where it finds that; else it takes zlib
_ZSTD = b"\x28\xb5\x2f\xfd"
#: what zlib and zstd raise of an entry that is not whole
_UNPACKING = ("error", "ZstdError")


def enable() -> None:
    """Keep compiled programs in the user's private cache directory; JAX_COMPILATION_CACHE_DIR moves it.

    Called by commands, not by the library: it changes the configuration of the whole process. A cache that cannot be
    made, or that others can write to (what is in it is run), is done without. Entries that cannot be read, because a
    process was killed or the disk was full while they were written, are deleted and so written again; the others stay.
    """
    import jax

    if os.environ.get("JAX_COMPILATION_CACHE_DIR") is None:
        import platformdirs

        directory = platformdirs.user_cache_path("econml-cli") / "xla" / machine()
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not _private(directory):
                return
        except OSError:
            return
        jax.config.update("jax_compilation_cache_dir", str(directory))
    if os.environ.get("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS") is None:
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    _mend(Path(getattr(jax.config, "jax_compilation_cache_dir", None) or ""))


def _private(directory: Path) -> bool:
    """Whether nobody else can write to a directory."""
    about = directory.stat()
    mine = not hasattr(os, "getuid") or about.st_uid == os.getuid()
    return mine and not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _mend(directory: Path) -> None:
    """From now on delete the entries of a program that cannot be used, and say nothing of it.

    JAX's warning names the program, not the entry, and there is one for each shape: which it is, is looked up.
    """
    shown = warnings.showwarning
    if getattr(shown, "mends", None) == directory:
        return

    def show(message: Any, *more: Any, **further: Any) -> None:
        found = _TROUBLE.match(str(message))
        if found is None:
            shown(message, *more, **further)
            return
        with contextlib.suppress(OSError):  # a cache that cannot be mended is done without
            for entry in _unusable(directory, found):
                entry.unlink(missing_ok=True)

    show.mends = directory  # type: ignore[attr-defined]
    warnings.showwarning = show
    warnings.filterwarnings("always", message="Error (reading|writing) persistent compilation cache")


def _unusable(directory: Path, trouble: re.Match[str]) -> list[Path]:
    """The entries of a program that are to be deleted, after what JAX has said of one of them."""
    entries = [path for path in directory.iterdir() if path.name.startswith(f"{trouble['name']}-") and path.is_file()]
    damaged = [entry for entry in entries if not _whole(entry)]
    of_the_system = issubclass(getattr(builtins, trouble["error"], Exception), OSError)
    if damaged or trouble["doing"] == "writing" or of_the_system or trouble["error"] in _UNPACKING:
        return damaged  # none: the disk failed once, or another process was just writing what was read
    return entries  # XLA refuses one of those that can be unpacked


def _whole(entry: Path) -> bool:
    """Whether an entry can be unpacked, or at least not be said to be damaged."""
    try:
        packed = entry.read_bytes()
    except OSError:
        return True
    try:
        if packed.startswith(_ZSTD):
            return _unpacked_by_zstd(packed)
        zlib.decompress(packed)
    except Exception:
        return False
    return True


def _unpacked_by_zstd(packed: bytes) -> bool:
    try:
        zstandard = importlib.import_module("zstandard")  # no package of ours
    except ImportError:  # an entry of another environment, which JAX does not read from here
        return True
    zstandard.ZstdDecompressor().decompress(packed)
    return True


def machine() -> str:
    """A name for this kind of processor: code compiled for one may not run on another with the same home directory."""
    cpuinfo = Path("/proc/cpuinfo")
    text = platform.machine() + platform.processor()
    if cpuinfo.exists():
        lines = cpuinfo.read_text(errors="replace").splitlines()
        text += "".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
