"""Says how texts are written, by others than us: GSM 03.38 by the package gsm0338, UTF-16 by Python itself.

Reads a JSON list of texts from standard input and writes a list of pairs of hexadecimal strings: the octets of the
text in GSM 03.38, one septet an octet, or null where that lacks a character, and in UTF-16, high byte first.
"""

import json
import sys

from gsm0338 import Codec

codec = Codec()


def gsm(text):
    # The package takes the escape for a character, which it is not (3GPP TS 23.038, 6.2.1).
    if "\x1b" in text:
        return None
    try:
        return codec.encode(text)[0].hex()
    except UnicodeEncodeError:
        return None


json.dump([[gsm(text), text.encode("utf-16-be").hex()] for text in json.load(sys.stdin)], sys.stdout)
