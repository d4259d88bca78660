"""Gets the API key from the program that ``backend.api_key_command`` names: a password manager, say."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from pilotfish.lsp.backend_errors import BadSetting
from pilotfish.lsp.child_environment import clean_environment
from pilotfish.lsp.secret import Secret
from pilotfish.lsp.setting_kinds import secret
from pilotfish.lsp.short_run import running

TIMEOUT = 10.0
MAX_KEY = 8192


async def read_key(
    command: Sequence[str], *, environ: Mapping[str, str] | None = None, timeout: float = TIMEOUT
) -> Secret:
    """Run the program and return its first line; an empty key without a command.

    There is no shell, no input, and the working directory is the user's home, not the workspace. What the program
    prints besides, on standard error too, is dropped unseen. ``environ`` None hands our own environment on;
    ``timeout`` is in seconds.

    Raises:
        BadSetting: it can't be run, takes too long, fails, or prints no key.

    """
    if not command:
        return Secret()
    env = None if environ is None else clean_environment(environ)
    try:
        async with (
            asyncio.timeout(timeout),
            running(command, env=env, cwd=Path.home(), errors=False) as process,
        ):
            output = b""
            while len(output) < MAX_KEY and (part := await process.output.read(MAX_KEY)):
                output += part
            status = await process.wait() if len(output) < MAX_KEY else 0
    except TimeoutError:
        raise BadSetting(f"backend.api_key_command took longer than {timeout:g} s") from None
    except OSError as error:
        raise BadSetting(f"backend.api_key_command can't be run: {error.strerror}") from None
    if status != 0:
        raise BadSetting(f"backend.api_key_command failed (status {status})")
    try:
        key = secret().parse(output.decode().partition("\n")[0])
    except ValueError:
        raise BadSetting("backend.api_key_command did not print a key") from None
    if not key:
        raise BadSetting("backend.api_key_command printed nothing")
    return key
