"""The client hoiio 0.1.5, unchanged, in Python 2.7, under the name of the service: calls, a conference, texts.

python2 run hoiio hoiio_calls.py APP_ID ACCESS_TOKEN FIRST SECOND

Prints JSON. The name leads where this machine says, and the certificate is one that REQUESTS_CA_BUNDLE names.
"""

import json
import sys
import time

from hoiio import Hoiio

# The client tells what it does where we are to print.
out, sys.stdout = sys.stdout, sys.stderr
app_id, token, first, second = sys.argv[1:]
Hoiio.init(app_id, token)


def ended(txn_ref):
    """The call, asked for again until its legs have ended."""
    while True:
        call = Hoiio.voice.status(txn_ref)
        # One who meets others is a call with one leg.
        if 'ongoing' not in (call.call_status_dest1, getattr(call, 'call_status_dest2', None)):
            return call
        time.sleep(0.2)


placed = Hoiio.voice.call(first, second, caller_id='private', max_duration=600, tag='myapp')
call = ended(placed.txn_ref)
meeting = Hoiio.voice.conference(first, second, room='MY-ROOM')
hung_up = [Hoiio.voice.hangup(txn_ref).status for txn_ref in meeting.txn_refs]
for txn_ref in meeting.txn_refs:
    ended(txn_ref)
history = Hoiio.voice.history()
text = Hoiio.sms.send('Hello', first)
rate = Hoiio.voice.rate(first, second)
Hoiio.init(app_id, 'wrong')
refused = Hoiio.voice.call(first, second)
json.dump({
    'placed': [placed.is_success(), placed.status, placed.txn_ref],
    'call': [call.tag, call.dest1, call.dest2, call.call_status_dest1, call.call_status_dest2],
    'lasted': [type(call.duration).__name__, type(call.date).__name__],
    'meeting': [meeting.room, len(meeting.txn_refs)],
    'hung_up': hung_up,
    'history': [history.total_entries_count, history.entries_count,
                sorted(entry.txn_ref for entry in history.entries) == sorted(meeting.txn_refs + [placed.txn_ref])],
    'text': [text.is_success(), text.status],
    'rate': [rate.is_success(), rate.status],
    'refused': [refused.is_success(), refused.status],
}, out)
