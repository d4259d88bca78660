"""The language server: runs beside the editor and offers inline completions."""
