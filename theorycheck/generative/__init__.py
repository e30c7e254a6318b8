"""Trained models: a model retrained on its own, curated and real data. This package alone knows torch.

`settings`, `presets` and `cifar` load without it. `theorycheck retrain` is the way in; `runs.run` is what it
calls.
"""
