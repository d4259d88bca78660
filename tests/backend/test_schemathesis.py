"""Our OpenAPI document against our own server: what it promises holds, what it forbids is refused."""

import subprocess
from pathlib import Path

from harness.backend_process import BackendProcess
from harness.environment import isolated
from harness.programs import script

HERE = Path(__file__).parent
EXAMPLES = 12  # for each of the 13 operations, beside some hundred cases at the schema's borders
CONFIGURATION = """
[checks.positive_data_acceptance]
# 400s are judged by schemathesis_hooks.py.
expected-statuses = ["2xx", "400", "401", "403", "404", "429", "5xx"]
"""


def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    """Statuses, content types, headers, schemas, rejected and accepted data, methods, authentication."""
    configuration = tmp_path / "schemathesis.toml"
    configuration.write_text(CONFIGURATION)
    key = "schemathesis-key-0123456789"
    with BackendProcess(tmp_path, "--enable-copilot-token", key=key) as backend:
        ran = subprocess.run(
            [
                *(script("schemathesis"), "--config-file", str(configuration), "run"),
                *(f"{backend.url}/openapi.json", "--header", f"Authorization: Bearer {key}"),
                *("--max-examples", str(EXAMPLES), "--workers", "1", "--no-color"),
            ],
            env=isolated(
                tmp_path,
                SCHEMATHESIS_HOOKS="schemathesis_hooks",
                PYTHONPATH=str(HERE),
                PYTHONWARNINGS="default",
            ),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )
        print(ran.stdout)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "13 selected / 13 total" in ran.stdout
    log = backend.log_file.read_text()
    assert "Traceback" not in log, log
    assert backend.log_file.stat().st_mode & 0o077 == 0
