"""The HTTP side: the FastAPI application and all that belongs to a request."""
