"""What the prompt, the trigger and the filters must know of a language, keyed by LSP language id. Pure.

Only what simple rules over lines can use. Editors differ in their ids (Neovim and Vim send file types), so a
language is listed under all the names that are in use. An unknown language gets ``DEFAULT``.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Syntax:
    """One family of languages."""

    comment: tuple[str, str] = ("# ", "")
    """What stands before and after the text of a comment that fills its line."""
    imports: re.Pattern[str] | None = None
    """Matches the start of a top-level import statement."""
    openers: tuple[str, ...] = ("{",)
    """A line that ends with one of these opens a block."""
    continues: tuple[str, ...] = ("else", "catch", "finally")
    """Words that begin a line which goes on with a block at the indentation of the line that opened it."""
    prose: bool = False
    """Brackets and indentation mean nothing in particular."""


_HASH, _SLASHES, _DASHES = ("# ", ""), ("// ", ""), ("-- ", "")
_WORDY = ("else", "elsif", "elseif", "elif", "when", "rescue", "ensure", "catch", "after", "until")
_JS = "javascript javascriptreact javascript.jsx js jsx typescript typescriptreact typescript.tsx ts tsx vue svelte"
_C = "c cpp c++ c-or-c++ arduino objective-c objective-cpp objc objcpp cuda cuda-cpp"
_BRACED = (
    "jsonc json js-json json5 gomod less less-css scss glsl hlsl wgsl solidity verilog systemverilog v odin"
)
_TEXT = "plaintext text restructuredtext rst asciidoc org typst gitcommit git-commit"

_TABLE: tuple[tuple[str, Syntax], ...] = (
    (
        "python",
        Syntax(
            _HASH,
            re.compile(r"(?:import|from)\s+[\w.]"),
            (":",),
            ("else", "elif", "except", "finally", "case"),
        ),
    ),
    (
        _JS,
        Syntax(
            _SLASHES,
            re.compile(r"import\b(?!\s*\()|export\b.*\bfrom\s*['\"]|(?:const|let|var)\s.+=\s*require\("),
            ("{", "=>"),
        ),
    ),
    ("go", Syntax(_SLASHES, re.compile(r"import\b"), ("{",), ("else", "case", "default"))),
    ("rust", Syntax(_SLASHES, re.compile(r"(?:pub\s+)?(?:use|extern\s+crate)\s"), ("{", "=>"))),
    ("java kotlin scala sbt groovy", Syntax(_SLASHES, re.compile(r"import\s"), ("{", "->", "=>"))),
    (
        _C,
        Syntax(_SLASHES, re.compile(r"#\s*(?:include|import)\b|using\s"), ("{",), ("else", "catch", "while")),
    ),
    ("csharp c-sharp cs", Syntax(_SLASHES, re.compile(r"using\s"))),
    ("fsharp", Syntax(_SLASHES, re.compile(r"open\s"), ("=", "->", "then", "do"), ("else", "elif", "with"))),
    ("swift dart", Syntax(_SLASHES, re.compile(r"(?:@testable\s+)?import\s"))),
    ("php blade", Syntax(_SLASHES, re.compile(r"use\s|require|include"))),
    ("zig", Syntax(_SLASHES, re.compile(r"(?:pub\s+)?const\s+\w+\s*=\s*@import"))),
    ("proto proto3 protobuf", Syntax(_SLASHES, re.compile(r"import\s"))),
    (_BRACED, Syntax(_SLASHES)),
    ("ruby", Syntax(_HASH, re.compile(r"require"), ("do", "then", "|", "begin", "else", "{"), _WORDY)),
    ("elixir", Syntax(_HASH, re.compile(r"(?:alias|import|require|use)\s"), ("do", "->"), _WORDY)),
    ("crystal julia", Syntax(_HASH, re.compile(r"require|using\s|import\s"), ("do", "begin"), _WORDY)),
    (
        "lua",
        Syntax(_DASHES, re.compile(r"local\s.+=\s*require\b"), ("do", "then", "repeat", ")", "{"), _WORDY),
    ),
    (
        "shellscript sh bash zsh fish",
        Syntax(_HASH, re.compile(r"(?:source|\.)\s"), ("do", "then", "else", "{"), ("else", "elif")),
    ),
    ("perl perl6 raku", Syntax(_HASH, re.compile(r"(?:use|require)\s"), ("{",), ("else", "elsif"))),
    ("r", Syntax(_HASH, re.compile(r"(?:library|require|source)\("))),
    ("powershell ps1", Syntax(_HASH, re.compile(r"(?:using|import-module)\s", re.IGNORECASE))),
    (
        "haskell lhaskell haskell-literate elm purescript",
        Syntax(_DASHES, re.compile(r"import\s"), ("=", "where", "do", "of")),
    ),
    ("sql plsql mysql pgsql ada vhdl", Syntax(_DASHES, None, ("begin", "BEGIN", "then", "THEN"))),
    (
        "clojure commonlisp common-lisp lisp lisp-data scheme racket elisp emacs-lisp",
        Syntax((";; ", ""), re.compile(r"\((?:ns|require)\s"), ()),
    ),
    ("latex tex bibtex bib plaintex", Syntax(("% ", ""), re.compile(r"\\usepackage"), (), prose=True)),
    ("erlang prolog matlab octave", Syntax(("% ", ""), re.compile(r"-include"), ("->",))),
    (
        "html mhtml xhtml htmldjango jsp xml nxml msbuild xsd xsl xslt svg",
        Syntax(("<!-- ", " -->"), None, (), prose=True),
    ),
    ("markdown mdx chatagent instructions prompt skill", Syntax(("<!-- ", " -->"), None, (), prose=True)),
    (_TEXT, Syntax(_HASH, None, (), prose=True)),
    ("css", Syntax(("/* ", " */"), re.compile(r"@import"))),
    (
        "ocaml ocaml.interface ocaml-interface reason",
        Syntax(("(* ", " *)"), re.compile(r"open\s"), ("=", "->", "in", "struct")),
    ),
    ("vim viml", Syntax(('" ', ""), re.compile(r"(?:source|runtime)\s"), (), _WORDY)),
    ("ini dosini", Syntax(("; ", ""), None, ())),
    ("yaml yml dockercompose makefile make", Syntax(_HASH, None, (":",))),
    ("nix terraform hcl toml dockerfile cmake nim gdscript", Syntax(_HASH, None, ("{", ":", "("))),
)

DEFAULT = Syntax()
_BY_ID = {name: syntax for names, syntax in _TABLE for name in names.split()}


def syntax_of(language: str) -> Syntax:
    """What is known of a language, by its id in any case."""
    return _BY_ID.get(language.lower(), DEFAULT)
