"""Commands in modules of their own. They import what they need when they run, not before."""
