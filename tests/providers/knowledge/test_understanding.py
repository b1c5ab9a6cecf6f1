from __future__ import annotations

import pytest

from mediasrv.providers.knowledge.understanding import Matcher, best_sentence, bm25, stem, words

SUBJECTS = {
    "breakfast": ["when is breakfast", "what time do you serve breakfast"],
    "dinner": ["when is dinner", "what time do you serve dinner"],
    "dogs": ["can i bring my dog"],
}


def test_every_known_sentence_is_about_its_own_subject() -> None:
    matcher = Matcher(SUBJECTS)
    for subject, sentences in SUBJECTS.items():
        for sentence in sentences:
            match = matcher.match(sentence)
            assert match is not None
            assert match.subject == subject
            assert match.nearness == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("heard", "subject"),
    [
        ("um when is the breakfast", "breakfast"),
        ("serve dinner", "dinner"),
        ("can i bring two dogs", "dogs"),
        ("", None),
        ("the president of france", None),
        ("when is", None),
    ],
)
def test_the_word_that_tells_subjects_apart_decides(heard: str, subject: str | None) -> None:
    match = Matcher(SUBJECTS).match(heard)
    assert (match.subject if match else None) == subject


def test_stems_bring_forms_of_a_word_together() -> None:
    assert stem("rooms") == stem("room")
    assert stem("served") == stem("serve")
    assert stem("is") == "is"
    assert words("Don’t, at 5 o'clock!") == ("don't", "at", "5", "o'clock")


def test_a_rare_word_weighs_more_than_one_that_every_document_has() -> None:
    scores = bm25(["the", "sauna"], [["the", "pool"], ["the", "sauna"], ["the", "bar"]])
    assert scores[1] > scores[0] == scores[2]


def test_the_sentence_that_speaks_of_it_is_found() -> None:
    passage = "The pool is upstairs. The sauna is warm! Is there a gym? Yes."
    assert best_sentence("where is the sauna", passage) == "The sauna is warm!"
    assert best_sentence("nothing of the kind", passage).startswith("The")
