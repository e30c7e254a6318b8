"""Sweeps: a loop over a grid of its parameters, one row of a table for each cell."""
