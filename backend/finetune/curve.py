"""The course of a training: by step the loss, by evaluation the perplexity, as JSON and as a picture."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from .events import Event

_WIDTH, _HEIGHT, _DPI = 8.0, 4.5, 120
_SMOOTHED_FROM = 40
"""Steps from which the loss is drawn smoothed too."""
_MOST_PERPLEXITY = 1e9
"""What an absurd loss is given as, so that it stays a number in JSON."""


@dataclass(frozen=True, slots=True)
class Curve:
    """What was measured."""

    steps: Sequence[Event] = ()
    """One event a step, by step."""
    evaluations: Sequence[Event] = ()

    @property
    def tokens_per_second(self) -> float:
        """Trained on, in the step that took the median time: what else the machine did meanwhile hardly counts."""
        rates = [step.tokens / step.seconds for step in self.steps if step.seconds]
        return median(rates) if rates else 0.0

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "steps": [
                {"step": each.step, "loss": each.loss, "learning_rate": each.rate, "gradient": each.gradient}
                for each in self.steps
            ],
            "validation": [
                {"step": each.step, "loss": each.loss, "perplexity": perplexity(each.loss)}
                for each in self.evaluations
            ],
            "tokens_per_second": round(self.tokens_per_second, 1),
        }


def curve_of(events: Iterable[Event]) -> Curve:
    """The curve in a training's events; of a step that was done twice, the later."""
    steps: dict[int, Event] = {}
    evaluations: dict[int, Event] = {}
    for event in events:
        if event.kind == "step":
            steps[event.step] = event
        elif event.kind == "evaluated":
            evaluations[event.step] = event
    return Curve([steps[each] for each in sorted(steps)], [evaluations[each] for each in sorted(evaluations)])


def perplexity(loss: float) -> float:
    """Of a loss in nats a token."""
    return math.exp(loss) if loss < math.log(_MOST_PERPLEXITY) else _MOST_PERPLEXITY


def draw(curve: Curve, path: Path, title: str) -> None:
    """Draw the curve as a PNG, without a display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH, _HEIGHT), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    numbers, losses = [each.step for each in curve.steps], [each.loss for each in curve.steps]
    smoothed = len(losses) >= _SMOOTHED_FROM
    axes.plot(numbers, losses, color="#9db8d9" if smoothed else "#2b6cb0", linewidth=1, label="training")
    if smoothed:
        axes.plot(numbers, smooth(losses), color="#2b6cb0", linewidth=1.8, label="training, smoothed")
    if curve.evaluations:
        points = [(each.step, each.loss) for each in curve.evaluations]
        axes.plot(*zip(*points, strict=True), "o-", color="#c05621", linewidth=1.8, label="validation")
        last = curve.evaluations[-1]
        axes.annotate(
            f"perplexity {perplexity(last.loss):.2f}",
            (last.step, last.loss),
            xytext=(-6, 8),
            textcoords="offset points",
            ha="right",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5},
        )
    axes.set(title=title, xlabel="step", ylabel="loss, nats a token")
    axes.grid(visible=True, alpha=0.3)
    if numbers or curve.evaluations:
        axes.legend()
    figure.savefig(path, format="png")


def smooth(values: Sequence[float]) -> list[float]:
    """Each value as the mean of those around it: a twentieth of all, and fewer at the ends."""
    half = max(1, len(values) // 40)
    return [
        sum(window) / len(window)
        for window in (values[max(0, at - half) : at + half + 1] for at in range(len(values)))
    ]
