"""JAX's persistent compilation cache, so that the second start of the same program is cheap."""

import hashlib
import os
import platform
from pathlib import Path


def enable() -> None:
    """Keep compiled programs in the user's private cache directory; JAX_COMPILATION_CACHE_DIR moves it.

    Called by commands, not by the library: it changes the configuration of the whole process. A cache that cannot be
    made is done without.
    """
    import jax

    if os.environ.get("JAX_COMPILATION_CACHE_DIR") is None:
        import platformdirs

        directory = platformdirs.user_cache_path("econml-cli") / "xla" / machine()
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError:
            return
        jax.config.update("jax_compilation_cache_dir", str(directory))
    if os.environ.get("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS") is None:
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)


def machine() -> str:
    """A name for this kind of processor: code compiled for one may not run on another with the same home directory."""
    cpuinfo = Path("/proc/cpuinfo")
    text = platform.machine() + platform.processor()
    if cpuinfo.exists():
        lines = cpuinfo.read_text(errors="replace").splitlines()
        text += "".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
