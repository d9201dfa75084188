"""Hostile inputs by the million: mutations of honest files, and what readers make of them."""
