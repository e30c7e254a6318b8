"""The commands: each file is one, found by its name and imported only when it is asked for."""
