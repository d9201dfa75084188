"""Data sets as arrays, what is done to their labels and images, and the published ones."""

SPLITS = ("train", "holdout", "select", "test")
"""The disjoint parts of a data set, as splits, records, cards and checks name them."""
