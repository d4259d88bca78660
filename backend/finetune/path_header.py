"""The line that names a file above its text, as the language server writes it into prompts. Pure.

What is trained must be what is asked: the language server puts this line first, in the comment syntax of the
language that the editor tells it. Here only the name tells the language. A golden file that the tests of both sides
read holds the two together.
"""

from collections.abc import Mapping

Comment = tuple[str, str]
"""What stands before and after a comment that fills its line."""

_HASH: Comment = ("# ", "")
_SLASHES: Comment = ("// ", "")
_DASHES: Comment = ("-- ", "")
_SEMICOLONS: Comment = (";; ", "")
_SEMICOLON: Comment = ("; ", "")
_PERCENT: Comment = ("% ", "")
_MARKUP: Comment = ("<!-- ", " -->")
_STARS: Comment = ("/* ", " */")
_ML: Comment = ("(* ", " *)")
_QUOTE: Comment = ('" ', "")

_SUFFIXES: tuple[tuple[Comment, str], ...] = (
    (
        _SLASHES,
        "c h cc cpp cxx c++ hh hpp hxx h++ inl ipp tpp ino m mm cu cuh js cjs mjs jsx ts cts mts tsx vue svelte go rs "
        "java kt kts scala sc groovy gradle cs fs fsi fsx swift dart php zig proto jsonc json5 less scss "
        "glsl vert frag comp geom tesc tese hlsl wgsl sol v vh sv svh odin",
    ),
    (_DASHES, "lua hs lhs elm purs sql psql plsql adb ads vhd vhdl"),
    (_SEMICOLONS, "clj cljs cljc edn lisp lsp cl scm ss rkt el"),
    (_SEMICOLON, "ini"),
    (_PERCENT, "tex sty cls ltx bib erl hrl pro matlab"),
    (_MARKUP, "html htm xhtml xml xsl xslt xsd svg md markdown mdx"),
    (_STARS, "css"),
    (_ML, "ml mli re rei"),
    (_QUOTE, "vim"),
)
"""By what stands behind the last dot of a name, in lower case; all others have hashes."""
_NAMES: Mapping[str, Comment] = {
    "tsconfig.json": _SLASHES,
    "jsconfig.json": _SLASHES,
    ".vimrc": _QUOTE,
    "_vimrc": _QUOTE,
    ".gvimrc": _QUOTE,
    ".exrc": _QUOTE,
    ".emacs": _SEMICOLONS,
}
"""By the whole name, in lower case."""
_BY_SUFFIX = {suffix: comment for comment, suffixes in _SUFFIXES for suffix in suffixes.split()}


def comment_of(path: str) -> Comment:
    """What stands before and after a comment in the file of this name."""
    name = path.rpartition("/")[2].lower()
    stem, _, suffix = name.rpartition(".")
    return _NAMES.get(name) or (_BY_SUFFIX.get(suffix, _HASH) if stem else _HASH)


def path_header(path: str) -> str:
    r"""The line, ended by ``\n``; nothing for an empty path. ``path`` is relative, with forward slashes."""
    if not path:
        return ""
    begin, end = comment_of(path)
    return f"{begin}Path: {path}{end}\n"
