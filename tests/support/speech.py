"""Made-up speech: vowels of two speakers, who differ in pitch and in the length of their throat."""

import numpy as np

RATE = 16_000
_FORMANTS = ((700, 1200, 2600), (300, 2200, 3000), (500, 900, 2500), (400, 1900, 2600))  # Hz
SPEAKERS = {"A": (110.0, 1.0), "B": (230.0, 1.25)}  # pitch in Hz, and what formants are times


def say(speaker, seconds, seed=0):
    """Vowels one after another, float64 [S] in [-1, 1]."""
    pitch, scale = SPEAKERS[speaker]
    rng = np.random.default_rng(seed)
    count = round(seconds * RATE)
    time = np.arange(count) / RATE
    vowel = (time / 0.2).astype(int) + rng.integers(len(_FORMANTS))
    phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.05 * np.sin(2 * np.pi * 2 * time))) / RATE
    found = np.zeros(count)
    for harmonic in range(1, int(RATE / 2 / pitch / 1.1)):
        hertz = harmonic * pitch
        gain = np.zeros(len(_FORMANTS))
        for i, formants in enumerate(_FORMANTS):
            gain[i] = sum(1 / (1 + ((hertz - scale * f) / 90) ** 2) for f in formants)
        found += gain[vowel % len(_FORMANTS)] * np.sin(harmonic * phase) / harmonic**0.5
    return 0.3 * found / np.abs(found).max() + rng.normal(0, 1e-3, count)


def loud(samples_S, window=512):
    """The probability of speech in each window, by its loudness: a detector for made-up speech."""
    padded = np.pad(samples_S, (0, -len(samples_S) % window)).reshape(-1, window)
    return np.where(np.abs(padded).max(axis=1) > 0.02, 0.9, 0.01)
