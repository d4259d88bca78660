"""Tests of the decoder, with a tiny model in process and in a real Triton."""
