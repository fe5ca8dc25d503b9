"""JAX's persistent compilation cache, so that the second start of the same program is cheap."""

import hashlib
import os
import platform
import re
import stat
import warnings
from pathlib import Path
from typing import Any

#: what JAX warns of where it cannot read or write an entry; it then compiles, and never mends the entry
_TROUBLE = re.compile(r"Error (?:reading|writing) persistent compilation cache entry for '(?P<name>[^']*)'")


def enable() -> None:
    """Keep compiled programs in the user's private cache directory; JAX_COMPILATION_CACHE_DIR moves it.

    Called by commands, not by the library: it changes the configuration of the whole process. A cache that cannot be
    made, or that others can write to (what is in it is run), is done without. Entries that cannot be read, because a
    process was killed or the disk was full while they were written, are deleted and so written again.
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
    """From now on delete the entries of a program whose entry cannot be used, and say nothing of it.

    JAX's warning names the program, not the entry; those of other shapes of it go too, and are compiled once more.
    """
    shown = warnings.showwarning
    if getattr(shown, "mends", None) == directory:
        return

    def show(message: Any, *more: Any, **further: Any) -> None:
        found = _TROUBLE.match(str(message))
        if found is None:
            shown(message, *more, **further)
            return
        try:
            for entry in directory.iterdir():
                if entry.name.startswith(f"{found['name']}-") and entry.is_file():
                    entry.unlink(missing_ok=True)
        except OSError:
            pass  # a cache that cannot be mended is done without

    show.mends = directory  # type: ignore[attr-defined]
    warnings.showwarning = show
    warnings.filterwarnings("always", message="Error (reading|writing) persistent compilation cache")


def machine() -> str:
    """A name for this kind of processor: code compiled for one may not run on another with the same home directory."""
    cpuinfo = Path("/proc/cpuinfo")
    text = platform.machine() + platform.processor()
    if cpuinfo.exists():
        lines = cpuinfo.read_text(errors="replace").splitlines()
        text += "".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
