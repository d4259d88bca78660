"""The invented company's sources, which are trained on."""

import ast

from finetune.library import METHODS, NAMES, OPENERS, library_files
from finetune.services import private_tree
from finetune.wording import WORDING


def test_a_seed_decides() -> None:
    """The same seed, the same tree; another seed, another."""
    assert private_tree(1, 20) == private_tree(1, 20)
    assert private_tree(1, 20) != private_tree(2, 20)


def test_is_python_that_calls_what_there_is() -> None:
    """Every file can be parsed; every call is of a method, with as many arguments as it has, on the right class."""
    methods = {method.name: method for method in METHODS}
    classes = {opener: owner for owner, opener in OPENERS.items()}
    for path, text in private_tree(3, 200).items():
        for function in ast.walk(ast.parse(text, path)):
            if not isinstance(function, ast.FunctionDef) or not path.startswith("services/"):
                continue
            owner = next(owner for opener, owner in classes.items() if f"{opener}(" in ast.unparse(function))
            for call in ast.walk(function):
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
                    method = methods.get(call.func.attr)
                    assert method is None or (method.owner, len(method.parameters)) == (owner, len(call.args))


def test_every_method_is_called_often() -> None:
    """Within a class each is as frequent as the others, so that frequency tells nothing."""
    text = "".join(private_tree(0, 300).values())
    for owner in OPENERS:
        counts = [text.count(f".{method.name}(") for method in METHODS if method.owner == owner]
        assert max(counts) - min(counts) <= 1


def test_every_method_has_its_words() -> None:
    """And its place in the library's source, with its docstring; no word names a method."""
    assert set(WORDING) == set(NAMES)
    source = "".join(library_files().values())
    for method in METHODS:
        assert f"def {method.name}(self, {', '.join(method.parameters)})" in source
        assert f'"""{method.summary}"""' in source
        words = WORDING[method.name]
        said = " ".join((*words.deeds, *words.objects, *words.reasons, *words.results))
        assert not any(name in said for name in NAMES)
