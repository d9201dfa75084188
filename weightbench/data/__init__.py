"""Data sets as arrays, what is done to their labels and images, and the published ones."""
