"""What a program written for openai-python 0.28 does: run by that library's own interpreter, in a test.

Usage: openai_028.py URL KEY; prints one JSON object.
"""

# mypy: ignore-errors
# (The types here are those of another version of the library.)
import json
import sys

import openai

openai.api_base = f"{sys.argv[1]}/v1"
openai.api_key = sys.argv[2]

plain = openai.Completion.create(
    engine="codegen", prompt="def f(x):\n    ", max_tokens=20, temperature=0.0, stop=["\n\n"], logprobs=1
)
streamed = list(
    openai.Completion.create(model="codegen", prompt="x", max_tokens=20, temperature=0, stream=True)
)
several = openai.Completion.create(model="fastertransformer", prompt=["a", "b"], n=2, max_tokens=4)
refused = {}
for name, fields in {
    "model": {"model": "gpt-4", "prompt": "x"},
    "context": {"model": "codegen", "prompt": "x" * 5000},
}.items():
    try:
        openai.Completion.create(**fields)
    except openai.error.InvalidRequestError as error:
        refused[name] = {"status": error.http_status, "code": error.code, "param": error.param}
openai.api_key = "wrong-key-0123456789"
try:
    openai.Model.list()
except openai.error.AuthenticationError as error:
    refused["key"] = {"status": error.http_status}
openai.api_key = sys.argv[2]

print(
    json.dumps(
        {
            "version": openai.VERSION,
            "plain": plain.to_dict_recursive(),
            "streamed": [chunk["choices"][0]["text"] for chunk in streamed],
            "several": len(several["choices"]),
            "models": [model["id"] for model in openai.Model.list()["data"]],
            "engines": [engine["id"] for engine in openai.Engine.list()["data"]],
            "refused": refused,
        }
    )
)
