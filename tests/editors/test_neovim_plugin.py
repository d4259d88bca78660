"""The Neovim plugin's ghost text, in each version of Neovim, with a language server inside of it. Quick: no model."""

from pathlib import Path

import pytest

from harness.neovim_child import NeovimChild
from harness.neovim_fixtures import nvim, version

__all__ = ["nvim", "version"]


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


def test_looks_the_same_behind_bold_text(nvim: NeovimChild) -> None:
    """Ghost text has the colour of the scheme's hints, and takes over nothing of what stands before it."""
    look = nvim.lua("return vim.api.nvim_get_hl(0, { name = 'PilotfishGhost' })")
    hint = nvim.lua("return vim.api.nvim_get_hl(0, { name = 'NonText', link = false })")
    assert (look["fg"], look["nocombine"]) == (hint["fg"], True)
    nvim.command("highlight PilotfishGhost guifg=#123456")
    nvim.command("doautocmd ColorScheme")
    assert nvim.lua("return vim.api.nvim_get_hl(0, { name = 'PilotfishGhost' }).fg") == 0x123456
