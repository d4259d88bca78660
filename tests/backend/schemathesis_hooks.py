"""What schemathesis checks beyond its own list: requests that match the schema are refused for two reasons only."""

from typing import Any

import schemathesis

BEYOND_THE_SCHEMA = {"unsupported_value", "context_length_exceeded"}


@schemathesis.check
def refused_for_a_documented_reason(_context: Any, response: Any, case: Any) -> None:
    """A JSON schema can't say how many tokens a text has, nor that best_of must not be less than n."""
    positive = case.meta is not None and case.meta.generation.mode.is_positive
    if response.status_code == 400 and positive:
        assert response.json()["error"]["code"] in BEYOND_THE_SCHEMA, response.text
