"""A base that was shrunk to its tokenizer's 50295 entries is tuned, converted, verified and served right."""

import json
import time
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from harness.backend_process import BackendProcess
from harness.finetuning import DEADLINE, SHORT, command, losses, run, write_data
from harness.tiny_codegen import write_codegen
from pilotfish.backend.converter.source import open_checkpoint

pytestmark = pytest.mark.timeout(600)
ROWS = 50295
PROMPTS = (
    "def first(items):\n    return",
    "# Path: lib/bisect.py\nimport",
    "class Queue:\n\tdef put(self, item):\n\t\t",
)
TOKENS = 16


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tuned checkpoint in `out`, and what it was converted into, in `repository`."""
    work = tmp_path_factory.mktemp("shrunk")
    base = write_codegen(work / "base", rows=ROWS, layers=2)
    config = json.loads((base / "config.json").read_text())
    # Who shrinks the tensors may leave this as it was.
    (base / "config.json").write_text(json.dumps(config | {"vocab_size": 51200}))
    argv = command(base, write_data(work / "data"), work / "out", *SHORT, "--ship", str(work / "repository"))
    done = run(argv)
    assert done.status == 0, done.said
    assert losses(work / "out")[-1] < losses(work / "out")[0]
    return work


def test_the_rows_stay(work: Path) -> None:
    """Neither fewer nor more, in tensors and configuration."""
    with open_checkpoint(work / "out") as checkpoint:
        assert checkpoint.config["vocab_size"] == ROWS
        assert checkpoint.tensors["transformer.wte.weight"].shape[0] == ROWS
        assert checkpoint.tensors["lm_head.weight"].shape[0] == ROWS


def test_what_is_served_is_what_transformers_says(work: Path, tmp_path: Path) -> None:
    """The served model's greedy text is that of transformers' own model with the tuned checkpoint."""
    model = AutoModelForCausalLM.from_pretrained(work / "out", dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(work / "out")
    options = ("--model", str(work / "repository"), "--threads", "1")
    with BackendProcess(tmp_path, *options, engine="ctranslate2") as server, server.client() as client:
        end = time.monotonic() + DEADLINE
        while client.get("/health/ready").status_code != 200:
            assert time.monotonic() < end, server.output()
            time.sleep(0.1)
        for prompt in PROMPTS:
            ids = tokenizer(prompt, return_tensors="pt").input_ids
            expected = model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=TOKENS,
                do_sample=False,
                pad_token_id=0,
            )
            text = tokenizer.decode(expected[0, ids.shape[1] :], skip_special_tokens=True)
            asked = {"prompt": prompt, "max_tokens": TOKENS, "temperature": 0}
            answer = client.post("/v1/completions", json=asked).json()
            assert answer["choices"][0]["text"] == text
