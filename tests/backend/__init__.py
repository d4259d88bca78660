"""Tests of the backend. A package, so that the engines' contract can be imported from several test files."""
