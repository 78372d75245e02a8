"""bundler: an offline mirror and bundle builder for Python packages."""

__version__ = "0.1.0"
