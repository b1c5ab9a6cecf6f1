"""The built-in voice: repeatable, labelled, and loud where it says it is."""

from array import array

from mediasrv.providers.formant import speak


def rms(samples: array) -> float:
    return (sum(x * x for x in samples) / max(1, len(samples))) ** 0.5


def test_the_same_text_gives_the_same_samples() -> None:
    once = speak("hello there.", 8_000)
    speak.cache_clear()
    assert speak("hello there.", 8_000) == once
    assert speak("hello there.", 8_000, "high").pcm != once.pcm


def test_words_are_loud_and_gaps_are_silent() -> None:
    said = speak("one, two three", 16_000)
    samples = array("h", said.pcm)
    assert [w.text for w in said.words] == ["one,", "two", "three"]
    previous_end = 0
    for word, voiced in zip(said.words, said.voiced_at, strict=True):
        start, end = (round(t * 16) for t in (word.start_ms, word.end_ms))
        assert not any(samples[previous_end:start])
        assert rms(samples[voiced:end]) > 1_000
        assert start <= voiced < end
        previous_end = end


def test_a_voice_begins_within_a_pitch_period_of_its_label() -> None:
    said = speak("okay", 8_000)
    samples = array("h", said.pcm)
    assert rms(samples[said.voiced_at[0] : said.voiced_at[0] + 80]) > 500


def test_text_without_a_sound_is_silence() -> None:
    said = speak("... !")
    assert said.words == ()
    assert not any(array("h", said.pcm))
