"""Pictures of terminals, up to the page that Chromium draws."""

from harness.pictures import BACKGROUND, FOREGROUND, colour, css_of, page_of
from harness.terminal_cells import Style, parse_cells


def test_colours_are_xterms() -> None:
    """The cube's corners, the greys' ends, and what is no number."""
    assert [colour(name) for name in ("16", "231", "196", "232", "255", "#010203", "")] == [
        *("#000000", "#ffffff", "#ff0000", "#080808", "#eeeeee", "#010203", "")
    ]


def test_styles_are_drawn() -> None:
    """Reversed text takes the terminal's own colours where it names none."""
    assert css_of(Style()) == ""
    assert css_of(Style(reverse=True)) == f"color:{BACKGROUND};background:{FOREGROUND}"
    assert css_of(Style(fg="#aabbcc", dim=True, italic=True)) == "color:#aabbcc;opacity:0.6;font-style:italic"


def test_text_stays_text() -> None:
    """What means something in HTML is escaped; a wide character has two columns; the cursor stands in its row."""
    page = page_of(parse_cells("a<b\n日\x1b[3mx\x1b[m\n"), "t & t", (1, 2))
    assert "<div>a&lt;b</div>" in page
    wide, italic = '<span class="wide">日</span>', '<span style="font-style:italic">x</span>'
    assert f'<div><span class="cursor" style="left:2ch"></span>{wide}{italic}</div>' in page
    assert "t &amp; t" in page
