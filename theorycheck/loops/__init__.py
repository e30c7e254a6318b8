"""The loops themselves, in plain arrays: what is simulated and what is known in closed form."""
