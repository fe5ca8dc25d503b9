"""From layers of options to one frozen config: which model and problem are meant, and what each option is."""

from econml_cli.config.fit_config import FitConfig, build

__all__ = ["FitConfig", "build"]
