"""The version alone, so that what notes it imports nothing else."""

__version__ = "0.1.0"
