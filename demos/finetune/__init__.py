"""The demonstration of fine-tuning: ghost text that knows a library nobody else has."""
