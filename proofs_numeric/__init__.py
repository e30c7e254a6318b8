"""The catalogue: one module a theorem, each reading like the paper."""
