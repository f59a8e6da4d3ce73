"""The engine: everything that asks the model goes through it."""
