"""Neovim's API from outside, one question at a time: MessagePack-RPC over a pair of files."""

import itertools
from typing import IO, Any

import msgpack

REQUEST, RESPONSE = 0, 1


class NeovimError(Exception):
    """Neovim refused a call; the text is its own."""


class NeovimRpc:
    """Calls over what Neovim reads from and writes to: pipes of `--embed`, or a connection to where it listens.

    Neovim takes in what is typed at once, and runs what follows from it before it answers the next call.
    """

    def __init__(self, answers: IO[bytes], calls: IO[bytes]) -> None:
        self._answers, self._calls = answers, calls
        self._unpacker = msgpack.Unpacker(strict_map_key=False)
        self._numbers = itertools.count(1)

    def call(self, method: str, *arguments: Any) -> Any:
        """Call a function of the API, such as `nvim_command`. Raises `NeovimError`."""
        number = next(self._numbers)
        self._calls.write(msgpack.packb([REQUEST, number, method, arguments]))
        self._calls.flush()
        while True:
            for message in self._unpacker:
                if message[0] == RESPONSE and message[1] == number:
                    if message[2] is not None:
                        raise NeovimError(str(message[2][1]))
                    return message[3]
            read = self._answers.read1(65_536)  # type: ignore[attr-defined]  # of every buffered reader
            if not read:
                raise NeovimError(f"Neovim has ended before it answered {method}")
            self._unpacker.feed(read)

    def lua(self, code: str, *arguments: Any) -> Any:
        """Run Lua; the arguments are its `...`."""
        return self.call("nvim_exec_lua", code, arguments)

    def command(self, command: str) -> None:
        """Run a command of the command line."""
        self.call("nvim_command", command)

    def lines(self) -> list[str]:
        """The current buffer."""
        return list(self.lua("return vim.api.nvim_buf_get_lines(0, 0, -1, false)"))

    def messages(self) -> str:
        """What `:messages` shows."""
        return str(self.call("nvim_exec2", "messages", {"output": True})["output"])

    def ghost(self) -> str:
        """What is drawn of a suggestion: pieces within the line one after the other, then the lines below."""
        return str(self.lua(GHOST))


GHOST = """
local inline, below = '', ''
local function add(chunks)
  local text = ''
  for _, chunk in ipairs(chunks) do
    text = text .. (chunk[2] == 'PilotfishGhost' and chunk[1] or '')
  end
  return text
end
local namespace = require('pilotfish.ghost').namespace
for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(0, namespace, 0, -1, { details = true })) do
  inline = inline .. (mark[4].virt_text_pos == 'inline' and add(mark[4].virt_text) or '')
  for _, line in ipairs(mark[4].virt_lines or {}) do
    below = below .. '\\n' .. add(line)
  end
end
return inline .. below
"""
