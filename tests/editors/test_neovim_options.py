"""All of the Neovim plugin but its ghost text: keys, options, status, messages, commands and help. Quick: no model."""

import re
from pathlib import Path

import pytest

from harness.neovim import PAGE
from harness.neovim_child import NeovimChild
from harness.neovim_fixtures import nvim, version
from pilotfish.lsp.setup import Paths, lines

__all__ = ["nvim", "version"]


def test_tab_without_a_suggestion(version: str, tmp_path: Path) -> None:
    """<Tab> does what it was mapped to, whatever kind of mapping that was, and else it is a tab."""
    mappings = {
        "": "\t",
        "vim.keymap.set('i', '<Tab>', 'mapped')": "mapped",
        "vim.keymap.set('i', '<Tab>', function() return 'called' end, { expr = true })": "called",
        "vim.keymap.set('i', '<F5>', 'chained') vim.keymap.set('i', '<Tab>', '<F5>', { remap = true })": "chained",
    }
    for number, (before, inserted) in enumerate(mappings.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        with NeovimChild(version, folder, before=before) as nvim:
            nvim.open("\n", "a.txt")
            nvim.keys("i<Tab>")
            assert nvim.lines() == [inserted], before
            nvim.suggest("abc")
            nvim.keys("<Esc>:set noautoindent<CR>o")
            nvim.wait_ghost("abc")
            nvim.keys("<Tab>")
            assert nvim.lines() == [inserted, "abc"], before


def test_takes_no_key_but_tab(version: str, tmp_path: Path) -> None:
    """Without options the one mapping of insert mode is <Tab>, and with `accept = false` there is none."""
    code = """return vim.tbl_map(function(mapping) return mapping.lhs end, vim.tbl_filter(function(mapping)
        return vim.startswith(mapping.desc or '', 'Pilotfish') and not vim.startswith(mapping.lhs, '<Plug>')
      end, vim.api.nvim_get_keymap('i')))"""
    for setup, keys in (("{}", ["<Tab>"]), ("{ keys = { accept = false } }", [])):
        with NeovimChild(version, tmp_path, setup=setup) as nvim:
            assert nvim.lua(code) == keys


def test_keeps_out_of_the_completion_menu(nvim: NeovimChild) -> None:
    """While Neovim's menu is open nothing is shown and <Tab> is not ours; afterwards it is shown again."""
    nvim.open("apple apricot\n\n")
    nvim.suggest("xyz")
    nvim.keys("jiap")
    nvim.wait_ghost("xyz")
    nvim.keys("<C-n>")
    nvim.wait(lambda: nvim.lua("return vim.fn.pumvisible()") == 1, "the menu")
    assert nvim.ghost() == ""
    assert nvim.lua("return require('pilotfish').accept()") is False
    nvim.keys("<C-e>")
    nvim.wait_ghost("xyz")


def test_switch_is_kept_and_told(nvim: NeovimChild) -> None:
    """Switched off nothing is asked or shown, and the server is off too, wherever its own switch stood before."""
    nvim.open("\n")
    nvim.suggest("abc")
    nvim.lua(
        "local on = false Mock.results['workspace/executeCommand'] = function() on = not on return on end"
    )
    nvim.keys("i")
    nvim.wait_ghost("abc")
    nvim.lua("require('pilotfish').toggle()")
    assert nvim.ghost() == ""
    nvim.wait(lambda: nvim.count("workspace/executeCommand") == 2, "the second turn")
    asked = nvim.count("textDocument/inlineCompletion")
    nvim.keys("def")
    assert nvim.count("textDocument/inlineCompletion") == asked
    nvim.lua("require('pilotfish').toggle()")
    nvim.keys("g")
    nvim.wait_ghost("abc")


def test_settings_are_sent_as_they_were_given(version: str, tmp_path: Path) -> None:
    """Only what was set goes to the server, and nothing when nothing was; an empty table is no setting."""
    for setup, sent in (
        ("{}", None),
        ("{ settings = { completion = {} } }", None),
        ("{ settings = { completion = { max_lines = 3 } } }", {"completion": {"max_lines": 3}}),
    ):
        with NeovimChild(version, tmp_path, setup=setup) as nvim:
            nvim.open("\n")
            told = nvim.lua(
                "return vim.tbl_filter(function(m) return m[1]:find('Configuration') end, Mock.sent)"
            )
            assert (told[0][1]["settings"]["pilotfish"] if told else None) == sent


def test_wrong_options_are_named(version: str, tmp_path: Path) -> None:
    """Each wrong option is told by its name with what it takes; the others count, and the rest of init.lua runs."""
    setup = (
        "{ automatik = true, ghost_text = 'neat', keys = { accpet = '<C-y>', next = 3 }, messages = false }"
    )
    with NeovimChild(version, tmp_path, setup=setup) as nvim:
        problems = "\n".join(nvim.lua("return require('pilotfish.config').problems"))
        assert "automatik is no setting; there are automatic, " in problems
        assert "ghost_text must be 'own' or 'native', not \"neat\"" in problems
        assert "keys.accpet is no setting; there are accept, " in problems
        assert "keys.next must be a key such as <Tab>, or false, not 3" in problems
        assert nvim.lua("return require('pilotfish.config').current.messages") is False
        assert "keys.accpet" in nvim.messages()
        assert nvim.lua("return vim.fn.exists(':Pilotfish')") == 2


def test_program_of_the_workspace_is_not_run(nvim: NeovimChild, tmp_path: Path) -> None:
    """A `pilotfish` in the folder that one works in does not count, even on PATH; elsewhere on PATH it does."""
    here, there = tmp_path / "work", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
        (folder / "pilotfish").write_text("#!/bin/sh\n")
        (folder / "pilotfish").chmod(0o755)
    nvim.command(f"cd {here}")
    for path, found in ((f"{here}:.", None), (f".:{here}:{there}", f"{there}/pilotfish")):
        nvim.lua("vim.env.PATH = ...", path)
        assert nvim.lua("return require('pilotfish.program').on_path('pilotfish')") == found
    problem = nvim.lua("return { require('pilotfish.program').command({ cmd = { 'nosuch' } }) }")
    assert "there is no program nosuch; install Pilotfish" in problem[1]


def test_status_line(nvim: NeovimChild) -> None:
    """It says the state, the model or the reason, and how far a start is; other buffers have none."""
    assert nvim.lua("return require('pilotfish').statusline()") == ""
    nvim.open("\n")
    line = "return require('pilotfish').statusline()"
    assert nvim.lua(line) == "Pilotfish starting"
    for status, text in (
        ({"state": "ready", "model": "tiny", "message": ""}, "Pilotfish ready: tiny"),
        ({"state": "working", "model": "tiny", "message": ""}, "Pilotfish working: tiny"),
        ({"state": "error", "model": "", "message": "no answer"}, "Pilotfish error: no answer"),
    ):
        nvim.lua("Mock.dispatchers.notification('pilotfish/status', ...)", {"backend": "local", **status})
        nvim.wait(lambda text=text: nvim.lua(line) == text, text)  # type: ignore[misc]
    value = {"kind": "begin", "title": "Pilotfish: loading", "percentage": 40, "message": "tiny"}
    nvim.lua("Mock.dispatchers.notification('$/progress', ...)", {"token": "t", "value": value})
    nvim.wait(lambda: nvim.lua(line) == "Pilotfish loading 40 %, tiny", "progress")


def test_long_message_does_not_stop_typing(nvim: NeovimChild) -> None:
    """What the server says is cut to a line, so that no key is eaten; a window in the corner has all of it."""
    nvim.open("\n")
    nvim.keys("iab")
    assert nvim.lua("return vim.v.echospace") < 90
    long = "first line\n" + "words " * 60 + "the end"
    nvim.lua("Mock.dispatchers.notification('window/showMessage', ...)", {"type": 2, "message": long})
    nvim.wait(lambda: "first line" in nvim.messages(), "the message")
    nvim.keys("cd")
    assert nvim.lines() == ["abcd"]
    assert nvim.call("nvim_get_mode") == {"mode": "i", "blocking": False}
    assert nvim.lua("return require('pilotfish.messages').last") == long
    assert max(map(len, nvim.messages().splitlines())) <= nvim.lua("return vim.v.echospace")
    windows = nvim.lua(
        "return vim.tbl_map(function(window) return vim.api.nvim_buf_get_lines("
        "vim.api.nvim_win_get_buf(window), 0, -1, false) end, vim.api.nvim_list_wins())"
    )
    assert " ".join(" ".join(windows[1]).split()) == " ".join(f"Pilotfish: {long}".split())


def test_question_waits_for_the_end_of_typing(nvim: NeovimChild) -> None:
    """A question is asked when insert mode is left, and its answer goes back to the server."""
    nvim.open("\n")
    nvim.lua("vim.ui.select = function(items, options, done) Mock.asked = options.prompt done(items[2]) end")
    params = {"type": 3, "message": "Download?", "actions": [{"title": "Yes"}, {"title": "No"}]}
    nvim.keys("ia")
    nvim.lua(
        "local params = ... coroutine.wrap(function() Mock.chosen ="
        " Mock.dispatchers.server_request('window/showMessageRequest', params) end)()",
        params,
    )
    assert nvim.lua("return Mock.asked") is None
    nvim.keys("<Esc>")
    nvim.wait(lambda: nvim.lua("return Mock.chosen") == {"title": "No"}, "the answer")
    assert nvim.lua("return Mock.asked") == "Pilotfish: Download?"


def test_command_completes_and_refuses(nvim: NeovimChild) -> None:
    """`:Pilotfish` completes what there is, and names it to who types something else."""
    assert nvim.lua("return vim.fn.getcompletion('Pilotfish st', 'cmdline')") == ["start", "status", "stop"]
    error = nvim.lua("return select(2, pcall(vim.cmd, 'Pilotfish nosuch'))")  # Neovim 0.10 raises it
    assert "there is no such command; there are help, log, model" in str(error) + nvim.messages()


def test_help_has_every_option(nvim: NeovimChild) -> None:
    """The help shows the defaults as they are, and has a tag for each option; `:Pilotfish help` opens it."""
    nvim.command("Pilotfish help")
    assert nvim.lua("return vim.bo.filetype") == "help"
    text = "\n".join(nvim.lines())
    example = re.search(r"setup\((\{\n\s+cmd = nil.*?\n\s+\})\)", text, re.S)
    assert example
    same = "return vim.deep_equal(loadstring('return ' .. ...)(), require('pilotfish.config').defaults)"
    assert nvim.lua(same, example[1])
    options = nvim.lua("return vim.tbl_keys(require('pilotfish.config').defaults)")
    for option in {*options, "cmd", "filetypes"}:
        assert f"*pilotfish.{option}*" in text, option
    for name in nvim.lua("return vim.fn.getcompletion('Pilotfish ', 'cmdline')"):
        assert f":Pilotfish {name}" in text, name


def test_page_shows_what_setup_prints() -> None:
    """The lines of docs/editors/neovim.md are those of `pilotfish setup neovim`, but for the machine's paths."""
    page = PAGE.read_text("utf-8")
    printed = lines("neovim", None, Paths("…/bin/pilotfish", "…/pilotfish/neovim"))
    assert f"```lua{printed}```" in page


def test_model_is_told_to_servers(nvim: NeovimChild) -> None:
    """A model that is named goes to the server as a setting, beside those that were set."""
    nvim.open("\n")
    nvim.command("Pilotfish model qwen2.5-coder-0.5b")
    sent = nvim.lua("return Mock.sent[#Mock.sent]")
    assert sent[0] == "workspace/didChangeConfiguration"
    assert sent[1]["settings"] == {"pilotfish": {"backend": {"model": "qwen2.5-coder-0.5b"}}}


def test_checkhealth_finds_nothing_wrong(nvim: NeovimChild) -> None:
    """`:checkhealth pilotfish` runs, without an error of its own, and says when a key is somebody else's."""
    nvim.command("checkhealth pilotfish")
    report = "\n".join(nvim.lines())
    assert "ERROR" not in report, report
    assert "OK accept: <Tab>" in report
    nvim.lua("vim.keymap.set('i', '<Tab>', 'mine')")
    nvim.command("checkhealth pilotfish")
    assert "accept: <Tab> is mapped by something else" in "\n".join(nvim.lines())


NATIVE = "{ ghost_text = 'native' }"


def test_native_refuses_a_stale_suggestion(tmp_path: Path) -> None:
    """Neovim 0.12's own ghost text is accepted while it fits, and refused once a key has made it old."""
    with NeovimChild("0.12", tmp_path, setup=NATIVE) as nvim:
        nvim.open("\n", "a.txt")
        nvim.suggest("a + b")
        nvim.keys("i")
        nvim.wait(lambda: nvim.lua("return require('pilotfish').visible()"), "its ghost text")
        nvim.keys("a<Tab>")
        nvim.wait(lambda: nvim.lines() == ["a\t"], "the tab")
        nvim.keys("<C-u>")
        nvim.wait(lambda: nvim.lua("return require('pilotfish').visible()"), "its ghost text again")
        nvim.keys("<Plug>(pilotfish-accept-word)")
        nvim.wait(lambda: nvim.lines() == ["a"], "the word")
        nvim.suggest(" + b")
        nvim.keys(" ")
        nvim.wait(lambda: nvim.lua("return require('pilotfish').visible()"), "its ghost text once more")
        nvim.keys("<Tab>")
        nvim.wait(lambda: nvim.lines() == ["a  + b"], "all of it")


@pytest.mark.parametrize("older", ["0.11", "0.10"])
def test_native_needs_a_neovim_that_has_it(older: str, tmp_path: Path) -> None:
    """An older Neovim says so, and ghost text is ours."""
    with NeovimChild(older, tmp_path, setup=NATIVE) as nvim:
        assert "ghost_text = 'native' needs Neovim 0.12 or later" in nvim.messages()
        nvim.open("\n")
        nvim.suggest("abc")
        nvim.keys("i")
        nvim.wait_ghost("abc")
