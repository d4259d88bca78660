"""The team backend in containers."""
