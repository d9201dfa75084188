"""The version of the package and of its numbers, so that what notes them imports nothing else."""

__version__ = "0.1.0"

# Raised when a change of the engine moves a number, together with the records that are trained
# again: `make golden` says whether it did. Records of another engine are never averaged with these.
ENGINE = 2
