"""The harness: drives a target, samples what the operating system holds for it, stores the run and judges it."""

__version__ = "0.1.0"
