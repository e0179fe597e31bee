#!/usr/bin/env python3
"""Whether a recording of 8 kHz holds a sentence: heard.py RECORDING.wav SENTENCE

The sentence is spoken once more by espeak-ng, brought to 8 kHz by sox, and compared with the
recording by the correlation of their loudness over bands and time. Exit code 0 when it is there.
Uses the standard library only, and nothing of Outdial.
"""
import array
import cmath
import math
import subprocess
import sys
import wave

FRAME = 256
ENOUGH = 0.75


def spoken(sentence):
    said = subprocess.run(["espeak-ng", "--stdin", "--stdout"], input=sentence.encode(), stdout=subprocess.PIPE, check=True)
    raw = subprocess.run(
        ["sox", "--ignore-length", "-t", "wav", "-", "-t", "raw", "-e", "signed", "-b", "16", "-c", "1", "-r", "8000", "-"],
        input=said.stdout, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    return array.array("h", raw.stdout)


def recorded(path):
    with wave.open(path) as file:
        assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (8000, 2, 1)
        return array.array("h", file.readframes(file.getnframes()))


def fourier(values):
    count = len(values)
    if count == 1:
        return values
    even, odd = fourier(values[0::2]), fourier(values[1::2])
    turned = [cmath.exp(-2j * math.pi * k / count) * odd[k] for k in range(count // 2)]
    return [e + t for e, t in zip(even, turned)] + [e - t for e, t in zip(even, turned)]


def picture(samples):
    """For each frame the loudness of sixteen bands, in decibels above a floor."""
    frames = []
    for start in range(0, len(samples) - FRAME, FRAME // 2):
        spectrum = fourier([complex(s) for s in samples[start:start + FRAME]])
        power = [abs(spectrum[k]) ** 2 for k in range(FRAME // 2)]
        frames.append([math.log10(1e6 + sum(power[b * 8:b * 8 + 8])) for b in range(16)])
    return frames


def likeness(a, b):
    a, b = [v for frame in a for v in frame], [v for frame in b for v in frame]
    ma, mb = sum(a) / len(a), sum(b) / len(b)
    over = sum((x - ma) * (y - mb) for x, y in zip(a, b))
    under = math.sqrt(sum((x - ma) ** 2 for x in a) * sum((y - mb) ** 2 for y in b))
    return over / under if under else 0.0


def main():
    wanted, heard = picture(spoken(sys.argv[2])), picture(recorded(sys.argv[1]))
    places = range(max(1, len(heard) - len(wanted) + 1))
    best = max(likeness(wanted[:len(heard)], heard[at:at + len(wanted)]) for at in places)
    print(f"likeness {best:.3f}, enough is {ENOUGH}")
    sys.exit(0 if best >= ENOUGH else 1)


main()
