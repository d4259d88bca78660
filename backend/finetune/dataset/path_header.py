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
        "c i h cc ccm cpp cppm c++ c++m cxx cxxm ii ixx hh hpp hxx h++ inl ipp mpp mxx tpp txx ino m mm cu cuh "
        "js cjs mjs es6 pac jsx ts cts mts tsx vue svelte go rs java jav kt kts scala sc sbt groovy gradle gvy nf "
        "jenkinsfile cs csx cake fs fsi fsx fsscript swift dart php php4 php5 phtml ctp zig proto less scss "
        "json jsonc json5 jsonld geojson har ipynb webmanifest tsbuildinfo code-workspace code-profile "
        "glsl vert frag comp geom tesc tese hlsl hlsli fx fxh vsh psh cginc compute wgsl sol v vh sv svh odin",
    ),
    (_DASHES, "lua hs lhs elm purs sql dsql psql plsql adb ads vhd vhdl"),
    (_SEMICOLONS, "clj cljs cljc cljx clojure edn lisp lsp cl scm ss rkt el"),
    (_SEMICOLON, "ini"),
    (_PERCENT, "tex sty cls ltx ctx bbx cbx bib erl hrl"),
    (
        _MARKUP,
        "html htm xhtml xht shtml asp aspx jsp jspx jshtm mdoc volt rhtml md markdown mkd mkdn mdown mdwn mdtext mdx "
        "xml xsl xslt xsd dtd svg wsdl rss atom rdf owl rng opml plist xaml axaml axml fxml mxml resx xib storyboard "
        "csproj fsproj vbproj vcxproj shproj wixproj proj props targets nuspec pubxml slnx iml xlf xliff tld dita "
        "ditamap bpmn wxs wxi wxl launch jmx",
    ),
    (_STARS, "css"),
    (_ML, "ml mli re rei"),
    (_QUOTE, "vim"),
)
"""By what stands behind the last dot of a name, in lower case; all others have hashes."""
_NAMES: Mapping[str, Comment] = {
    **dict.fromkeys(
        (".babelrc", ".eslintrc", ".swcrc", ".jshintrc", ".jscsrc", ".hintrc", ".vuerc"), _SLASHES
    ),
    **dict.fromkeys((".watchmanconfig", ".bowerrc", ".jslintrc", ".ember-cli"), _SLASHES),
    **dict.fromkeys(("jenkinsfile", "jakefile", "go.mod"), _SLASHES),
    **dict.fromkeys((".vimrc", "_vimrc", ".gvimrc", ".exrc"), _QUOTE),
    ".emacs": _SEMICOLONS,
    "rebar.config": _PERCENT,
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
