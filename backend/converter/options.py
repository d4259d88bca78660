"""What a conversion is asked to do. Pure."""

from dataclasses import dataclass
from pathlib import Path

from .triton_config import MOUNT


@dataclass(frozen=True, slots=True)
class ConvertOptions:
    """A conversion."""

    checkpoint: Path = Path()
    """The folder of a CodeGen or GPT-J in Hugging Face's layout."""
    out: Path = Path()
    """The model repository's folder."""
    target: str = "fastertransformer"
    """``fastertransformer`` or ``ctranslate2``."""
    gpus: int = 1
    """FasterTransformer: how many share one model."""
    dtype: str | None = None
    """Of the numbers that are not quantised, ``fp32`` or ``fp16``; None: for FasterTransformer what all its versions
    read, which is fp32, and for CTranslate2 the checkpoint's own."""
    quantization: str | None = None
    """CTranslate2: the weights' type, such as ``int8`` or ``float16``; None: the checkpoint's own."""
    device: str = "auto"
    """CTranslate2: ``cpu`` or ``cuda``, where the model is to run and nowhere else; ``auto``: where it finds itself."""
    also_gptj: bool = False
    """Write the model as a GPT-J of transformers too, beside ``out``."""
    mp: int | None = None
    """Slices of CodeGen's fused projection; None: by rule from the configuration."""
    tokenizer: Path | None = None
    """A folder with a ``tokenizer.json``, or that file; None: the checkpoint's."""
    force: bool = False
    """Replace a repository that is there."""
    mount: str = MOUNT
    """FasterTransformer: the repository's folder as the server will see it."""

    @property
    def gptj_out(self) -> Path:
        """Where the GPT-J goes."""
        return self.out.with_name(f"{self.out.name}-gptj")
