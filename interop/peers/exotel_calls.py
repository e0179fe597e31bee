"""The clients exotel and exotelpy, unchanged, under the names of the service: calls, and what they are told.

python exotel_calls.py SID TOKEN FIRST SECOND CALLER_ID FLOW

Prints JSON. The names lead where this machine says, and the certificate is one that REQUESTS_CA_BUNDLE names.
"""

import json
import sys
import time

from exotel.exotel import Exotel
from exotelpy.exotel import Exotel as OtherExotel

sid, token, first, second, caller_id, flow = sys.argv[1:]
service = Exotel(sid, token)


def ended(answer):
    """The call, asked for again until it has ended."""
    assert answer.status_code == 200, answer.text
    call = answer.json()["Call"]
    while True:
        answer = service.call_details(call["Sid"])
        assert answer.status_code == 200, answer.text
        call = answer.json()["Call"]
        if call["Status"] not in ("queued", "ringing", "in-progress"):
            return call
        time.sleep(0.2)


told = {
    "two": ended(service.call_number(first, caller_id, second, custom_data="mine")),
    "flow": ended(service.call_flow(first, caller_id, flow)),
    "missing": service.call_details("0" * 32).json(),
    "refused": Exotel(sid, "wrong").call_details("0" * 32).json(),
    "sms": service.sms(caller_id, first, "Hello").json(),
}
try:
    OtherExotel(sid, sid, token).get_sms_details("0" * 32)
except Exception as error:
    told["other"] = [type(error).__name__, str(error)]
else:
    told["other"] = "no error"
try:
    OtherExotel(sid, sid, "wrong").get_sms_details("0" * 32)
except Exception as error:
    told["wrong"] = type(error).__name__
json.dump(told, sys.stdout)
