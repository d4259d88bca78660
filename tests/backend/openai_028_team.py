"""What programs wrote for FauxPilot with openai-python 0.28: run by that library's own interpreter, in a test.

Usage: openai_028_team.py ROOT_URL; prints one JSON object.
"""

# mypy: ignore-errors
# (The types here are those of another version of the library.)
import json
import sys

import openai

openai.api_key = "dummy"
openai.api_base = f"{sys.argv[1]}/v1"

by_engine = openai.Completion.create(
    engine="codegen", prompt="def hello", max_tokens=16, temperature=0.1, stop=["\n\n"]
)
by_model = openai.Completion.create(
    model="fastertransformer", prompt="def hello", max_tokens=16, temperature=0.1, stop="\n\n"
)
streamed = openai.Completion.create(
    engine="codegen", prompt="def hello", max_tokens=16, temperature=0.1, stop=["\n\n"], stream=True
)
print(
    json.dumps(
        {
            "version": openai.VERSION,
            "by_engine": by_engine.to_dict_recursive(),
            "by_model": by_model.to_dict_recursive(),
            "streamed": "".join(chunk["choices"][0]["text"] for chunk in streamed),
        }
    )
)
