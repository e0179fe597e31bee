"""Reads a SIPp message log from standard input; says whether the last credentials in it hold.

Usage: digest.py SECRET. Exit code 0 when they do, 1 when they do not, 2 when there are none.
SIPp checks credentials by itself, but only those of a 401.
"""

import hashlib
import re
import sys


def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


log = sys.stdin.read().replace("\r\n", "\n")
found = re.findall(r"^([A-Z]+) sip:\S+ SIP/2\.0\n(?:.+\n)*?(?:Proxy-)?Authorization: *Digest (.*)$", log, re.M)
if not found:
    sys.exit(2)
method, header = found[-1]
field = {name.lower(): quoted or bare for name, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', header)}
who = md5(f"{field['username']}:{field['realm']}:{sys.argv[1]}")
# An ACK repeats the credentials of its INVITE (RFC 3261, 22.1).
what = md5(f"{'INVITE' if method == 'ACK' else method}:{field['uri']}")
if "qop" in field:
    between = f"{field['nonce']}:{field['nc']}:{field['cnonce']}:{field['qop']}"
else:
    between = field["nonce"]
sys.exit(0 if md5(f"{who}:{between}:{what}") == field["response"] else 1)
