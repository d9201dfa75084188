"""Submissions to the leaderboard: making one, reading a foreign one safely, and believing it.

Whoever reads a submission runs nothing of it; only ``rerun.train_again`` does, when it is asked to.
"""
