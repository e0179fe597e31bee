"""Prints the narrow-band PESQ score of two WAV files: the reference, and what was heard.

Run it with the Python environment that script/setup makes.
"""

import math
import sys
import warnings

import numpy
from pesq import pesq
from scipy.io import wavfile
from scipy.signal import resample_poly

RATE = 8000


def samples(path):
    """The first channel at 8 kHz, between -1 and 1."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", wavfile.WavFileWarning)
        rate, data = wavfile.read(path)
    if data.ndim > 1:
        data = data[:, 0]
    if numpy.issubdtype(data.dtype, numpy.integer):
        data = data / float(numpy.iinfo(data.dtype).max)
    if rate != RATE:
        shared = math.gcd(RATE, rate)
        data = resample_poly(data, RATE // shared, rate // shared)
    return data.astype(numpy.float32)


if len(sys.argv) != 3:
    sys.exit("usage: speech_quality.py REFERENCE.wav HEARD.wav")
print(pesq(RATE, samples(sys.argv[1]), samples(sys.argv[2]), "nb"))
