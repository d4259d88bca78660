"""The backend: an OpenAI-compatible proxy in front of an engine, and the models that it serves."""
