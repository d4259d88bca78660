"""The Neovim plugin's own conduct, in each version of Neovim, with a language server inside of it. Quick: no model."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.neovim import PAGE
from harness.neovim_child import NeovimChild
from pilotfish.lsp.setup import Paths, lines

VERSIONS = ("0.12", "0.11", "0.10")


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    """The version of Neovim."""
    return str(request.param)


@pytest.fixture
def nvim(version: str, tmp_path: Path) -> Iterator[NeovimChild]:
    """A Neovim with the plugin as it is without options."""
    with NeovimChild(version, tmp_path) as child:
        yield child


def test_shows_and_accepts(nvim: NeovimChild) -> None:
    """Ghost text does not touch the buffer; <Tab> inserts it, puts the cursor behind it and tells the server."""
    nvim.open("def f():\n    x\n")
    nvim.suggest(" = 1\n    return x")
    nvim.keys("jA")
    nvim.wait_ghost(" = 1\n    return x")
    assert nvim.lines() == ["def f():", "    x"]
    nvim.suggest()
    nvim.keys("<Tab>")
    nvim.wait(lambda: nvim.lines() == ["def f():", "    x = 1", "    return x"], "the text")
    assert tuple(nvim.call("nvim_win_get_cursor", 0)) == (3, 12)
    nvim.wait(lambda: nvim.count("workspace/executeCommand") == 1, "the command")
    assert nvim.ghost() == ""


def test_one_undo_takes_back_what_was_accepted(nvim: NeovimChild) -> None:
    """What was typed before stays."""
    nvim.open("\n")
    nvim.suggest("two three")
    nvim.keys("ione ")
    nvim.wait_ghost("two three")
    nvim.keys("<Tab><Esc>")
    nvim.wait(lambda: nvim.lines() == ["one two three"], "the text")
    nvim.keys("u")
    nvim.wait(lambda: nvim.lines() == ["one "], "the undo")


def test_accepts_words_and_lines(nvim: NeovimChild) -> None:
    """Word by word with the space before it, a line up to its end; the rest stays shown and is not asked for anew."""
    nvim.open("\n")  # a tab is four columns wide
    nvim.suggest("größe.wert = 日本語\n\tnext(line)\n    end")
    nvim.keys("i")
    nvim.wait_ghost("größe.wert = 日本語\n    next(line)\n    end")
    nvim.suggest()
    accepted = []
    for part in ("word", "word", "word", "line", "line", "word"):
        nvim.keys(f"<Plug>(pilotfish-accept-{part})")
        accepted.append("\n".join(nvim.lines()))
    assert accepted == [
        "größe",
        "größe.",
        "größe.wert",
        "größe.wert = 日本語",
        "größe.wert = 日本語\n\tnext(line)",
        "größe.wert = 日本語\n\tnext(line)\n    end",
    ]
    assert nvim.ghost() == ""


def test_types_through(nvim: NeovimChild) -> None:
    """Each key that agrees shortens it, a deleted one brings it back, an Enter where it has a line end counts too."""
    nvim.open("\n")
    nvim.suggest("ab c\nd")
    nvim.keys("i")
    nvim.wait_ghost("ab c\nd")
    nvim.lua("Mock.results['textDocument/inlineCompletion'] = nil")
    for keys, left in (("a", "b c\nd"), ("b", " c\nd"), ("<BS>", "b c\nd"), ("b c", "\nd"), ("<CR>", "d")):
        nvim.keys(keys)
        assert nvim.ghost() == left, keys
    nvim.keys("<Tab>")
    assert nvim.lines() == ["ab c", "d"]


def test_drops_what_disagrees(nvim: NeovimChild) -> None:
    """Another key, a moved cursor, an edit elsewhere in the line or the end of insert mode take it away at once."""
    nvim.open("x y\n")
    nvim.suggest("abc")
    for keys in ("z", "<Left>", "<Esc>", "<C-w>"):
        nvim.keys("<Esc>ggA")
        nvim.wait_ghost("abc")
        nvim.lua("Mock.holding = true")
        nvim.keys(keys)
        assert nvim.ghost() == "", keys
        nvim.lua("Mock.holding = false; Mock.held = {}")


def test_never_inserts_a_stale_suggestion(nvim: NeovimChild) -> None:
    """<Tab> straight after a key that disagrees is a tab, and straight after one that agrees inserts the rest."""
    nvim.open("\n")
    nvim.suggest("abc")
    nvim.keys("i")
    nvim.wait_ghost("abc")
    nvim.lua("Mock.holding = true")
    nvim.keys("a<Tab>")
    nvim.wait(lambda: nvim.lines() == ["abc"], "the rest")
    nvim.lua("Mock.holding = false")
    nvim.keys(" ")
    nvim.wait_ghost("abc")
    nvim.lua("Mock.holding = true")
    nvim.keys("z<Tab>")
    nvim.wait(lambda: nvim.lines() == ["abc z   "], "the tab")


def test_late_answer_is_not_shown(nvim: NeovimChild) -> None:
    """An answer for a place that the user has left is dropped."""
    nvim.open("\n")
    nvim.suggest("abc")
    nvim.lua("Mock.holding = true")
    nvim.keys("iz")
    nvim.wait(lambda: nvim.lua("return #Mock.held") >= 1, "a request")
    nvim.lua("Mock.late, Mock.held = Mock.held, {}")
    nvim.keys("y")
    nvim.lua("for _, answer in ipairs(Mock.late) do answer() end")
    assert nvim.ghost() == ""
    nvim.wait(lambda: nvim.lua("Mock.release() return require('pilotfish').visible()"), "the newer answer")


def test_what_is_shown_stays_unless_there_is_more(nvim: NeovimChild) -> None:
    """A newer answer that says something else does not change what is read; one that goes on is taken."""
    nvim.open("\n")
    nvim.suggest("abc")
    nvim.keys("i")
    nvim.wait_ghost("abc")
    nvim.suggest("xyz")
    nvim.keys("a")
    asked = nvim.count("textDocument/inlineCompletion")
    assert asked == 2
    assert nvim.ghost() == "bc"
    nvim.suggest("c, and more")
    nvim.keys("b")
    nvim.wait_ghost("c, and more")


def test_asks_again_when_there_is_more(nvim: NeovimChild) -> None:
    """The server tells that half a line has become a whole one; it is asked for and shown."""
    nvim.open("\n")
    nvim.suggest("half a")
    nvim.keys("i")
    nvim.wait_ghost("half a")
    assert nvim.lua("return Mock.sent[1][2].capabilities.experimental.pilotfishMore") is True
    nvim.suggest("half a line")
    place = {"textDocument": {"uri": nvim.lua("return vim.uri_from_bufnr(0)")}}
    nvim.lua("Mock.dispatchers.notification('pilotfish/more', ...)", place)
    nvim.wait_ghost("half a line")


def test_text_goes_around_what_it_replaces(nvim: NeovimChild) -> None:
    """Closers that a suggestion replaces stay where they are; nothing is there twice, drawn or inserted."""
    nvim.open("f()\n")
    nvim.suggest("x, y):", over=1)
    nvim.keys("A<Left>")
    nvim.wait_ghost("x, y:")
    columns = nvim.lua(
        "return vim.tbl_map(function(mark) return mark[3] end, vim.api.nvim_buf_get_extmarks(0,"
        " require('pilotfish.ghost').namespace, 0, -1, {}))"
    )
    assert columns == [2, 3]
    nvim.keys("<Plug>(pilotfish-accept-word)")
    assert (nvim.lines(), nvim.ghost()) == (["f(x)"], ", y:")
    nvim.keys("<Tab>")
    assert nvim.lines() == ["f(x, y):"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_wide_characters_in_every_encoding(version: str, tmp_path: Path, encoding: str) -> None:
    """An emoji and CJK before the cursor, and closers behind it, are where the server means them."""
    with NeovimChild(version, tmp_path, before=f"Mock.encoding = '{encoding}'") as nvim:
        nvim.open("日🐟 = f()\n")
        nvim.suggest("'本')", over=1)
        nvim.keys("A<Left>")
        nvim.wait_ghost("'本'")
        sent = nvim.lua("return Mock.sent[#Mock.sent][2].position.character")
        units = {"utf-8": 12, "utf-16": 8, "utf-32": 7}
        assert sent == units[encoding]
        nvim.keys("<Tab>")
        assert nvim.lines() == ["日🐟 = f('本')"]


def test_crlf_and_tabs(nvim: NeovimChild, tmp_path: Path) -> None:
    r"""In a file of \r\n lines the file on disk has only such; tabs are drawn as wide as they will be."""
    nvim.open("if x:\r\n\ty\r\n", "a.txt")
    nvim.suggest("\tz\r\n\tw")
    nvim.keys("jA")
    nvim.wait_ghost(" " * 7 + "z\n" + " " * 8 + "w")
    nvim.suggest()
    nvim.keys("<Tab><Esc>")
    nvim.command("write")
    assert (tmp_path / "a.txt").read_bytes() == b"if x:\r\n\ty\tz\r\n\tw\r\n"


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


def test_cycles(nvim: NeovimChild) -> None:
    """`next` asks for several, shows the second, and goes round; `previous` goes back; the count is shown."""
    nvim.open("\n")
    nvim.suggest("one", "two", "three")
    nvim.lua(
        "local all = Mock.results['textDocument/inlineCompletion']"
        " Mock.results['textDocument/inlineCompletion'] = function(params) local answer = all(params)"
        " if params.context.triggerKind == 2 then answer.items = { answer.items[1] } end return answer end"
    )
    nvim.keys("i")
    nvim.wait_ghost("one")
    for key, text in (("next", "two"), ("next", "three"), ("next", "one"), ("previous", "three")):
        nvim.keys(f"<Plug>(pilotfish-{key})")
        nvim.wait_ghost(text)
    assert "(3/3)" in str(
        nvim.lua("return vim.inspect(vim.api.nvim_buf_get_extmarks(0, -1, 0, -1, {details = true}))")
    )
    nvim.keys("t<Plug>(pilotfish-previous)")
    nvim.wait_ghost("wo")


def test_asks_only_when_asked_to(version: str, tmp_path: Path) -> None:
    """With `automatic = false` nothing is asked while one types; `next` asks."""
    with NeovimChild(version, tmp_path, setup="{ automatic = false }") as nvim:
        nvim.open("\n")
        nvim.suggest("one")
        nvim.keys("iabc ")
        assert nvim.count("textDocument/inlineCompletion") == 0
        nvim.keys("<Plug>(pilotfish-next)")
        nvim.wait_ghost("one")
        assert nvim.lua("return Mock.sent[#Mock.sent][2].context.triggerKind") == 1


def test_dismisses_until_something_is_typed(nvim: NeovimChild) -> None:
    """A dismissed suggestion stays away, and the next key asks again."""
    nvim.open("\n")
    nvim.suggest("abc")
    nvim.keys("i")
    nvim.wait_ghost("abc")
    nvim.keys("<Plug>(pilotfish-dismiss)")
    assert nvim.ghost() == ""
    nvim.lua("vim.api.nvim_exec_autocmds('CursorMovedI', {})")
    assert nvim.ghost() == ""
    nvim.keys("z")
    nvim.wait_ghost("abc")


def test_one_request_for_each_state(nvim: NeovimChild) -> None:
    """A key is asked about once, although Neovim tells of it twice, and leaving insert mode cancels what waits."""
    nvim.open("\n")
    nvim.lua("Mock.holding = true")
    nvim.keys("ia")
    nvim.wait(lambda: nvim.count("textDocument/inlineCompletion") >= 1, "a request")
    nvim.keys("b")
    assert nvim.count("textDocument/inlineCompletion") <= 3
    before = nvim.count("$/cancelRequest")
    nvim.keys("<Esc>")
    nvim.wait(lambda: nvim.count("$/cancelRequest") == before + 1, "the cancel")


def test_tells_where_the_cursor_rests(nvim: NeovimChild) -> None:
    """Once, after it has stood still; not while it moves."""
    nvim.open("a\nb\nc\nd\n")
    nvim.keys("jjj")
    nvim.wait(lambda: nvim.count("pilotfish/cursor") >= 1, "the notification")
    sent = nvim.lua("return Mock.sent[#Mock.sent]")
    assert sent[0] == "pilotfish/cursor"
    assert sent[1]["position"] == {"line": 3, "character": 0}
    assert sent[1]["textDocument"]["uri"].endswith("/a.py")


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
