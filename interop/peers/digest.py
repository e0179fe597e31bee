"""Reads a SIPp message log from standard input; says whether the last credentials in it hold.

Usage: digest.py SECRET. Exit code 0 when they do, 1 when they do not, 2 when there are none, or of
an algorithm that is neither MD5 nor SHA-256. SIPp checks credentials by itself, but only MD5, and
only those of a 401.
"""

import hashlib
import re
import sys

ALGORITHMS = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}

log = sys.stdin.read().replace("\r\n", "\n")
found = re.findall(r"^([A-Z]+) sip:\S+ SIP/2\.0\n(?:.+\n)*?(?:Proxy-)?Authorization: *Digest (.*)$", log, re.M)
if not found:
    sys.exit(2)
method, header = found[-1]
field = {name.lower(): quoted or bare for name, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', header)}
# Without a name it is MD5 (RFC 7616, 3.3).
algorithm = ALGORITHMS.get(field.get("algorithm", "MD5").upper())
if algorithm is None:
    sys.exit(2)


def digest(text):
    return algorithm(text.encode()).hexdigest()


who = digest(f"{field['username']}:{field['realm']}:{sys.argv[1]}")
# An ACK repeats the credentials of its INVITE (RFC 3261, 22.1).
what = digest(f"{'INVITE' if method == 'ACK' else method}:{field['uri']}")
if "qop" in field:
    between = f"{field['nonce']}:{field['nc']}:{field['cnonce']}:{field['qop']}"
else:
    between = field["nonce"]
sys.exit(0 if digest(f"{who}:{between}:{what}") == field["response"] else 1)
