"""The copier that learning is held against: it must be as strong as such a thing can be."""

from collections.abc import Sequence

from finetune.copier import LONGEST, Copier

WORDS = ["the", "cat", "sat", "on", "mat", "dog", "ran", ".", "\n"]


def ids(text: str) -> list[int]:
    return [WORDS.index(word) for word in text.split(" ")]


def spoken(said: Sequence[int]) -> str:
    return " ".join(WORDS[each] for each in said)


def copier(*texts: str) -> Copier:
    made = Copier(5)
    made.learn(map(ids, texts))
    return made


def test_says_what_followed_most_often() -> None:
    """Of what followed the last two tokens, the most frequent."""
    made = copier("the cat sat", "the cat ran", "the cat ran", "the dog sat", "the dog sat", "the dog sat")
    assert made.next(ids("the cat"), 3) == WORDS.index("ran")


def test_looks_at_fewer_tokens_where_it_must() -> None:
    """A pair that was never seen: the last token alone decides; a token that was never seen: how frequent each is."""
    made = copier("the cat sat on", "the dog ran on", "dog ran .")
    assert made.next(ids("mat cat"), 3) == WORDS.index("sat")
    assert made.next(ids("mat mat"), 3) == made.next([], 3)
    assert made.next([], 3) == WORDS.index("the")  # twice, as others; of equals the first


def test_prefers_the_longest_that_it_has_seen() -> None:
    """A longer context outweighs any number of shorter ones."""
    texts = ("on the mat sat", *["the mat ran"] * 9)
    assert copier(*texts).next(ids("on the mat"), 4) == WORDS.index("sat")
    assert copier(*texts).next(ids("on the mat"), 3) == WORDS.index("ran")


def test_goes_on_to_the_end_of_the_line() -> None:
    """It copies a whole line, not one token; it ends where it goes round in circles, and says nothing unlearnt."""
    assert copier("the cat sat on mat \n dog").line(ids("the cat"), 3, spoken) == "sat on mat "
    assert len(copier("the cat the cat").line(ids("the cat"), 3, spoken).split(" ")) == LONGEST
    assert Copier(3).line(ids("the"), 3, spoken) == ""
