"""What turns tokens into tokens: one small Protocol and its adapters."""
