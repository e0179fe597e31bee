"""The client python-hoiio 0.1, unchanged, in Python 2.7, under the name of the service. It hands on what it was told.

python2 run python-hoiio python_hoiio_calls.py APP_ID ACCESS_TOKEN FIRST SECOND

Prints JSON. The name leads where this machine says, and the certificate is one that REQUESTS_CA_BUNDLE names.
"""

import json
import sys
import time

from hoiio.rest import HoiioRestClient

app_id, token, first, second = sys.argv[1:]
client = HoiioRestClient(appid=app_id, token=token)
placed = json.loads(client.voice.call({'dest1': first, 'dest2': second, 'tag': 'mine', 'caller_id': None}))
while True:
    call = json.loads(client.voice.query_status({'txn_ref': placed['txn_ref']}))
    if 'ongoing' not in (call['call_status_dest1'], call['call_status_dest2']):
        break
    time.sleep(0.2)
json.dump({
    'placed': placed,
    'call': call,
    'history': json.loads(client.voice.get_history({})),
    'text': json.loads(client.sms.send({'dest': first, 'msg': 'Hello'})),
    'dialled': json.loads(client.ivr.dial({'dest': first, 'msg': 'Hello'})),
    'info': json.loads(client.account.get_info({})),
    # It misspells this one.
    'subscribed': json.loads(client.number.subscribe({'number': first, 'duration': '1'})),
    'refused': json.loads(HoiioRestClient(appid=app_id, token='wrong').account.get_info({})),
}, sys.stdout)
