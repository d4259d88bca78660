"""What the tests and the benchmarks share: a mock backend, a raw LSP client, and a typist."""
