"""Decides what theorems claim. Nothing here knows any particular theorem."""
