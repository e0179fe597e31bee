"""The client Voicent-Python, unchanged: asks a gateway for calls, and prints what it gave back as JSON.

python voicent_calls.py PORT NUMBER FILE APPLICATION
"""

import json
import sys

from voicent.voicent import Voicent

port, number, file, application = sys.argv[1:]
gateway = Voicent("localhost", port)
answers = {
    "text": gateway.callText(number, "Hello, this is a test.", "0"),
    "audio": gateway.callAudio(number, "C:\\my audios\\" + file, "0"),
    "application": gateway.callIvr(number, application, "0"),
    "missing": gateway.callAudio(number, "other.wav", "0"),
}
removed = gateway.callText(number, "Nobody hears this.", "0")
gateway.callRemove(removed)
answers["removed"] = removed
# It reads the answer as a literal of Python.
answers["campaign"] = gateway.checkStatus("1") if hasattr(gateway, "checkStatus") else None
json.dump(answers, sys.stdout)
