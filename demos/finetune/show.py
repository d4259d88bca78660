"""The demonstration from its beginning to its end, in a folder of its own."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from finetune import guard
from finetune.asking import suggestions
from finetune.base import Shape, public_sources, texts_of, write_random
from finetune.call_sites import SITES, CallSite
from finetune.commands import StageError, Stages
from finetune.copier import Copier
from finetune.scoring import Outcome, Score, is_right, score
from finetune.services import private_tree
from finetune.tokens import decode, encode
from harness.codegen_tokenizer import END_ID

ORDERS = (3, 4, 5, 6, 8)
"""Of the copiers: the 3-gram, and some that look further back; the one that names the most counts."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is trained, and how long."""

    seed: int = 0
    shape: Shape = field(default_factory=Shape)
    block_size: int = 128
    base_batch: int = 4
    base_steps: int = 240
    base_rate: float = 2e-3
    batch: int = 2
    epochs: float = 3.5
    rate: float = 3e-3


@dataclass(frozen=True, slots=True)
class Report:
    """What came out."""

    outcomes: Sequence[Outcome] = ()
    score: Score = field(default_factory=Score)
    order: int = 3
    """Of the copier that named the most."""

    def text(self, recipe: Recipe, seconds: dict[str, float]) -> str:
        """As JSON."""
        sites = [
            {
                "path": each.site.path,
                "line": each.site.line.strip(),
                "wanted": each.site.wanted,
                "before": each.before,
                "after": each.after,
                "copied": each.copied,
            }
            for each in self.outcomes
        ]
        told = {
            "passed": not self.score.failures,
            "score": asdict(self.score),
            "copier_order": self.order,
            "sites": sites,
            "seconds": {stage: round(taken, 1) for stage, taken in seconds.items()},
            "recipe": asdict(recipe),
        }
        return json.dumps(told, indent=2, ensure_ascii=False) + "\n"


def demonstrate(folder: Path, recipe: Recipe, stages: Stages) -> Report:
    """Train, tune, convert, verify, serve and ask. Raises StageError."""
    private = folder / "private"
    _write_tree(private, recipe.seed)
    _train_base(folder, recipe, stages)
    stages.run("private data", "dataset", "build", private, "--out", folder / "data")
    with stages.stage("guard"):
        _check(folder)
    stages.run(
        "fine-tune, convert, verify",
        *("finetune", folder / "base", "--data", folder / "data", "--out", folder / "tuned"),
        *("--ship", folder / "tuned-repository", "--seed", str(recipe.seed)),
        *("--block-size", str(recipe.block_size), "--batch-size", str(recipe.batch)),
        *("--epochs", str(recipe.epochs), "--learning-rate", str(recipe.rate), "--save-steps", "1000000"),
    )
    with stages.stage("ask in the editor: before"):
        before = suggestions(folder / "base-repository", private, folder / "before", SITES)
    with stages.stage("ask in the editor: after"):
        after = suggestions(folder / "tuned-repository", private, folder / "after", SITES)
    with stages.stage("copiers"):
        order, copied = _copied(folder / "data", SITES)
    outcomes = [Outcome(*row) for row in zip(SITES, before, after, copied, strict=True)]
    return Report(outcomes, score(outcomes), order)


def _write_tree(private: Path, seed: int) -> None:
    for path, text in private_tree(seed).items():
        place = private / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, "utf-8")


def _train_base(folder: Path, recipe: Recipe, stages: Stages) -> None:
    stages.run("public data", "dataset", "build", *public_sources(), "--out", folder / "public")
    write_random(folder / "random", recipe.shape, recipe.seed)
    stages.run(
        "train the base",
        *("finetune", folder / "random", "--data", folder / "public", "--out", folder / "base"),
        *("--block-size", str(recipe.block_size), "--batch-size", str(recipe.base_batch)),
        *("--max-steps", str(recipe.base_steps), "--learning-rate", str(recipe.base_rate)),
        *("--seed", str(recipe.seed), "--save-steps", "1000000"),
    )
    repository = folder / "base-repository"
    stages.run("convert the base", "convert", folder / "base", "--out", repository, "--target", "ctranslate2")
    stages.run("verify the base", "verify", repository, "--against", folder / "base")


def _check(folder: Path) -> None:
    """Raise StageError where the demonstration would show memory, or luck, and not learning."""
    leaks = guard.leaks(SITES, texts_of(folder / "data"))
    known = guard.foreknown(texts_of(folder / "public"))
    leaks += [f"the base's data holds the name {name}" for name in known]
    if leaks:
        raise StageError("\n".join(("the demonstration would prove nothing:", *leaks)))


def _copied(data: Path, sites: Sequence[CallSite]) -> tuple[int, list[str]]:
    """The order of the copier that names the most, the shortest of equals, and what it says."""
    # As they are trained on: each file with its header, ended by the end-of-text token.
    documents = [[*encode(text), END_ID] for text in texts_of(data)]
    best: tuple[int, int, list[str]] = (-1, 0, [])
    copier = Copier(max(ORDERS))
    copier.learn(documents)
    prompts = [encode(f"# Path: {site.path}\n{site.text}") for site in sites]
    for order in ORDERS:
        said = [copier.line(prompt, order, decode) for prompt in prompts]
        right = sum(is_right(text, site.wanted) for text, site in zip(said, sites, strict=True))
        best = max(best, (right, order, said), key=lambda each: each[0])
    return best[1], best[2]
