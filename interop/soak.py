"""Holds calls at scripted handsets, at SIPps, and at an Asterisk where SOAK_ASTERISK names its starter: soak.py PROGRAM SECONDS CALLS

Watches the program's sockets, memory and threads meanwhile. At the end what the far sides saw, what
the store says and the list of live calls must agree, and nothing may have grown. Each call that
ended otherwise than it was meant to is told, with its story. Exit code 0 when all is well. Uses the
standard library only; everything is on loopback, in a temporary directory.
"""

import collections
import heapq
import http.client
import itertools
import json
import os
import pathlib
import queue
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from soak_far_sides import Sipp, Switch, free_port

PROGRAM, SECONDS, CALLS = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])

# What phones do, by the beginning of their number.
SCRIPT = """
[[phone]]
number = "+6590*"
record = false
ring = "3s"
do = [{ murmur = "60s" }]

[[phone]]
number = "+6591*"
record = false
ring = "200ms"
do = [{ wait_for = "prompt", limit = "20s" }, { press = "1" }, { murmur = "3s" }]

[[phone]]
number = "+6592*"
record = false
ring = "500ms"
do = [{ murmur = "20s" }]
hang_up_after = "8s"

[[phone]]
number = "+6593*"
record = false
challenge = { user = "soak", password = "secret", status = 407 }
do = [{ tone = 440, for = "4s" }]

[[phone]]
number = "+6594*"
record = false
ring = "100ms"
network = { loss = 0.03, delay = "80ms", jitter = "20ms", seed = 1 }
do = [{ press = "4", way = "info" }, { murmur = "5s" }, { press = "2", way = "in_band" }]

[[phone]]
number = "+6595*"
record = false
then = "busy"

[[phone]]
number = "+6596*"
record = false
ring = "300ms"
then = "reject"
code = 404

[[phone]]
number = "+6597*"
record = false
then = "no_answer"

[[phone]]
number = "+6598*"
record = false
then = "early_media"
"""

ASK = [{"say": "Your parcel arrives today. Press one to confirm."},
       {"gather": {"digits": 1, "timeout": "5s"}}, {"pause": "2s"}]
BY_FLOW, BY_CALLEE, BY_NETWORK = ("completed", "flow"), ("completed", "callee"), ("invalid_number", "network")
BUSY, UNANSWERED = ("busy", "callee"), ("no_answer", "system")
BY_REQUEST = (("canceled", "request"), ("completed", "request"))
HELD = [{"say": "Hello."}, {"pause": "3s"}]
# Beginning of the number, how often among the others, the trunk, the flow, and how the call may end.
KINDS = [
    # We hang up by request: while it is dialled, while it rings, or in the call.
    ("+6590", 10, "phones", [{"pause": "2m"}], BY_REQUEST),
    ("+6591", 40, "phones", ASK, (BY_FLOW,)),
    ("+6592", 20, "phones", [{"pause": "30s"}], (BY_CALLEE,)),
    ("+6593", 10, "phones", [{"send_digits": "12345#"}, {"pause": "3s"}], (BY_FLOW,)),
    ("+6594", 10, "phones", [{"say": "Hello."}, {"gather": {"digits": 1, "timeout": "3s"}}, {"pause": "3s"}], (BY_FLOW,)),
    ("+6595", 5, "phones", [], (BUSY,)),
    ("+6596", 5, "phones", [], (BY_NETWORK,)),
    ("+6597", 5, "phones", [], (UNANSWERED,)),
    ("+6598", 5, "phones", [], (UNANSWERED,)),
    # SIPp's scenarios, each at a trunk of its own: what it asserts of our messages, it asserts of every call.
    ("+6581", 8, "20-hold-and-resume", HELD, (BY_FLOW,)),
    ("+6582", 8, "21-update-moves-media", HELD, (BY_FLOW,)),
    ("+6583", 4, "27-late-offer-in-call", HELD, (BY_FLOW,)),
    ("+6584", 4, "24-prack", HELD, (BY_FLOW,)),
    ("+6585", 4, "25-tcp", HELD, (BY_FLOW,)),
    ("+6586", 4, "15-far-side-hangs-up", [{"pause": "30s"}], (BY_CALLEE,)),
]
SCENARIOS = [trunk for _, _, trunk, _, _ in KINDS if trunk != "phones"]
# Who calls us, one every so many seconds, and the flow that takes it.
CALLERS = ("28-incoming", "27-late-offer")
CALLED, EVERY, TAKES = "+6561234567", 4, "{ say = \"Hello.\" }, { pause = \"2s\" }"
# At Asterisk, over TLS, by SRTP and in G.722: it reads keys of ours and hangs up, or sends us its own
# and hangs up, unless we have heard all of them.
SWITCH = os.environ.get("SOAK_ASTERISK")
KEYS = "1234"
if SWITCH:
    KINDS += [
        ("8102", 15, "switch", [{"pause": "500ms"}, {"send_digits": f"{KEYS}#"}, {"pause": "20s"}], (BY_CALLEE,)),
        ("8112", 10, "switch", [{"gather": {"most": 12, "finish": "none", "timeout": "8s"}}], (BY_FLOW, BY_CALLEE)),
    ]
EXPECTED = {beginning: endings for beginning, _, _, _, endings in KINDS}
# Of how many calls that ended otherwise the whole story is told.
STORIES = 20
# After the last call: 64 times T1 for its transactions, and what a tired machine takes.
AFTERWARDS = 40
faults, running = [], []


def say(text):
    print(f"[{time.monotonic() - begun:6.0f} s] {text}", flush=True)


def fault(text):
    faults.append(text)
    say(f"FAULT: {text}")


def start(home, words, log):
    # Settings of whoever started this are not ours.
    around = {name: value for name, value in os.environ.items() if not name.startswith("OUTDIAL_")}
    process = subprocess.Popen([PROGRAM, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                               text=True, cwd=home, env=around | {"OUTDIAL_CONFIG": str(home / "outdial.toml")})
    ready = process.stdout.readline()
    running.append(process)
    if not ready:
        log.seek(0)
        raise SystemExit(f"{words} did not start: {log.read()}")
    return process, ready


class Server:
    def __init__(self, url, key):
        self.address = url.removeprefix("http://").strip("/")
        self.key = key
        self.headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def ask(self, method, path, body=None, connection=None):
        own = connection or http.client.HTTPConnection(self.address, timeout=60)
        own.request(method, f"/api/v1{path}", body and json.dumps(body), self.headers)
        answer = own.getresponse()
        text = answer.read()
        if connection is None:
            own.close()
        return answer.status, json.loads(text) if text else None

    def every(self, query=""):
        """All calls of a list, page by page."""
        cursor, calls = "", []
        while cursor is not None:
            _, page = self.ask("GET", "/calls?limit=1000" + (f"&{query}" if query else "") + (f"&cursor={cursor}" if cursor else ""))
            calls += page["calls"]
            cursor = page.get("next")
        return calls

    def follow(self, ended):
        """Puts the id of every call that ends into the queue; begins again where it was cut off."""
        last = "0"
        while not over.is_set():
            connection = http.client.HTTPConnection(self.address, timeout=60)
            try:
                connection.request("GET", f"/api/v1/events?after={last}", headers=self.headers)
                for line in connection.getresponse():
                    if line.startswith(b"id:"):
                        last = line[3:].strip().decode()
                    elif line.startswith(b"data:"):
                        event = json.loads(line[5:])
                        if event.get("type") == "ended":
                            ended.put(event["call"])
            except (OSError, http.client.HTTPException):
                pass
            finally:
                connection.close()


Sample = collections.namedtuple("Sample", "at memory files sockets threads")


def sample(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    number = lambda key: int(next(line for line in status.splitlines() if line.startswith(key)).split()[1])
    files, sockets = 0, 0
    for descriptor in os.scandir(f"/proc/{pid}/fd"):
        files += 1
        try:
            sockets += os.readlink(descriptor.path).startswith("socket:")
        except OSError:
            pass
    return Sample(time.monotonic() - begun, number("VmRSS:") / 1024, files, sockets, number("Threads:"))


def place(server, room, placed):
    """One of those that place calls, as long as there is time."""
    chance = random.Random(threading.get_ident())
    connection = http.client.HTTPConnection(server.address, timeout=60)
    while time.monotonic() - begun < SECONDS:
        if not room.acquire(timeout=0.5):
            continue
        beginning, _, trunk, flow, endings = chance.choices(KINDS, [kind[1] for kind in KINDS])[0]
        # Only who is not to answer is given up soon: a busy machine may be slow.
        body = {"to": beginning + ("" if beginning == "8112" else f"{next(numbers):06d}"), "flow": flow, "tag": "soak",
                "ring": "3s" if UNANSWERED in endings else "20s", "via": trunk}
        try:
            status, call = server.ask("POST", "/calls", body, connection)
        except (OSError, http.client.HTTPException) as error:
            fault(f"a call could not be placed: {error}")
            connection.close()
            room.release()
            continue
        if status == 201:
            with lock:
                placed[call["id"]] = body["to"]
                if endings == BY_REQUEST:
                    heapq.heappush(to_hang_up, (time.monotonic() + chance.uniform(0.1, 10), call["id"]))
        else:
            fault(f"a call was refused with {status}: {call}")
            room.release()


def hang_up(server):
    """Ends calls by request, each when its time has come."""
    connection = http.client.HTTPConnection(server.address, timeout=60)
    while not over.wait(0.05):
        with lock:
            due = [heapq.heappop(to_hang_up)[1] for _ in range(len(to_hang_up)) if to_hang_up[0][0] <= time.monotonic()]
        for call in due:
            try:
                status, answer = server.ask("POST", f"/calls/{call}/hangup", {}, connection)
            except (OSError, http.client.HTTPException) as error:
                fault(f"{call} could not be hung up: {error}")
                connection.close()
                continue
            if status != 200:
                fault(f"the request to hang up {call} was answered with {status}: {answer}")


def open_rings(log):
    """Rings of the far sides, and those among them that never ended."""
    rings, ended, acknowledged = collections.Counter(), set(), 0
    with open(log) as lines:
        for line in lines:
            event = json.loads(line)
            if event["event"] == "invite":
                rings[event["call_id"]] += 1
            elif event["event"] == "ended":
                ended.add(event["call_id"])
            acknowledged += event["event"] == "acknowledged"
    return rings, set(rings) - ended, acknowledged


def watch(pids):
    pause = max(1, SECONDS / 120)
    while not over.wait(pause):
        for name, pid in pids.items():
            samples[name].append(sample(pid))
        now = samples["outdial"][-1]
        if len(samples["outdial"]) % 10 == 0:
            say(f"{len(placed)} calls placed, {now.memory:.0f} MB, {now.sockets} sockets, {now.threads} threads")


def grows():
    """Memory under the same load, in the second fifth of the time and in the last."""
    loaded = [one for one in samples["outdial"] if one.at < SECONDS]
    early = [one.memory for one in loaded if SECONDS * 0.2 < one.at <= SECONDS * 0.4]
    late = [one.memory for one in loaded if SECONDS * 0.8 < one.at]
    before, after = statistics.median(early), statistics.median(late)
    # Caches and pools fill up in the first minutes, which is all there is of a short run.
    allowed = before * 1.1 + 8 if SECONDS >= 600 else before * 1.25 + 16
    say(f"memory under load: {before:.1f} MB early, {after:.1f} MB late")
    if after > allowed:
        fault(f"memory grows: {after:.1f} MB where {allowed:.1f} MB are allowed")


def kind_of(number):
    return number[:5 if number.startswith("+") else 4]


def tell(server, call):
    """Why a call ended otherwise than it was meant to."""
    global told
    ending = call.get("ending") or {}
    say(f"{call['id']} to {placed[call['id']]}: {ending.get('outcome')} by {ending.get('by')}, "
        f"SIP code {ending.get('sip_code')}: {ending.get('reason')}")
    told += 1
    if told <= STORIES:
        around = os.environ | {"OUTDIAL_URL": f"http://{server.address}", "OUTDIAL_KEY": server.key}
        story = subprocess.run([PROGRAM, "explain", call["id"]], env=around, capture_output=True, text=True)
        print(story.stdout + story.stderr, flush=True)


def called_us(server, callers):
    """Those who called us, as they and as the store have it."""
    calls = [call for call in server.every() if call["direction"] == "incoming"]
    endings = collections.Counter((call["ending"]["outcome"], call["ending"]["by"]) for call in calls if call.get("ending"))
    made = sum(caller.calls for caller in callers)
    if len(calls) != made or set(endings) - {BY_FLOW}:
        fault(f"{made} calls came in, and the store has {len(calls)}: {dict(endings)}")
    say(f"{made} calls came in")


def agree(server, log):
    calls = {call["id"]: call for call in server.every("tag=soak")}
    if set(calls) != set(placed):
        fault(f"{len(placed)} calls were placed and the store has {len(calls)}")
    for state in ("scheduled", "queued", "active"):
        left = server.every(f"state={state}")
        if left:
            fault(f"{len(left)} calls are still {state}, as {left[0]['id']}")
    endings = collections.Counter()
    wrong = collections.defaultdict(list)
    for call in calls.values():
        ending = call.get("ending") or {}
        kind = (kind_of(placed[call["id"]]), (ending.get("outcome"), ending.get("by")))
        endings[kind] += 1
        if kind[1] not in EXPECTED[kind[0]]:
            wrong[kind].append(call)
    for (beginning, ending), count in sorted(endings.items(), key=str):
        say(f"{beginning}…: {count} {' by '.join(map(str, ending))}")
    for (beginning, ending), those in wrong.items():
        fault(f"{len(those)} calls to {beginning}… ended as {ending}, and may end as {EXPECTED[beginning]}")
    for call in sorted((call for those in wrong.values() for call in those), key=lambda call: call["id"]):
        tell(server, call)

    rings, unended, acknowledged = open_rings(log)
    twice = [call for call, count in rings.items() if count != 1]
    if twice:
        fault(f"{len(twice)} legs rang more than once, as {twice[0]}")
    if unended:
        fault(f"{len(unended)} calls go on at the far sides, as {sorted(unended)[0]}")
    at_phones = {call for call in calls if placed[call].startswith("+659")}
    # What is canceled early enough never rings.
    canceled = {call for call in at_phones if (calls[call].get("ending") or {}).get("outcome") == "canceled"}
    if not len(at_phones) - len(canceled) <= len(rings) <= len(at_phones):
        fault(f"the phones were rung {len(rings)} times for {len(at_phones)} calls, {len(canceled)} of them canceled")
    answered = sum(count for (beginning, ending), count in endings.items()
                   if beginning.startswith("+659") and ending[0] == "completed")
    if acknowledged < answered:
        fault(f"{answered} calls were answered and only {acknowledged} acknowledged")
    legs = {ring.split("@")[0] for ring in rings}
    for call in random.Random(1).sample(sorted(calls), min(200, len(calls))):
        _, story = server.ask("GET", f"/calls/{call}/explain")
        for attempt in story["call"]["attempts"]:
            for leg in attempt["legs"]:
                unheard = call in at_phones - canceled and leg["id"] not in legs
                if unheard or leg["state"] != "ended":
                    fault(f"leg {leg['id']} of {call} is {leg['state']}, and the far sides know {leg['id'] in legs}")
    say(f"{len(calls)} calls: store, live list and far sides have been compared")


begun = time.monotonic()
over, lock, numbers = threading.Event(), threading.Lock(), itertools.count()
placed, samples, to_hang_up, told = {}, collections.defaultdict(list), [], 0
folder = tempfile.TemporaryDirectory(prefix="outdial-soak")
home = pathlib.Path(folder.name)
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
    free.bind(("127.0.0.1", 0))
    phones_at = free.getsockname()[1]
(home / "phones.toml").write_text(SCRIPT)
switch = Switch(SWITCH, home) if SWITCH else None
far_sides = {scenario: Sipp(home, scenario) for scenario in SCENARIOS}
callers = []
# Below the ports that the system gives away by itself.
(home / "outdial.toml").write_text(f"""
[server]
bind = "127.0.0.1:0"
[sip]
bind = "127.0.0.1:0"
[media]
first_port = 10000
last_port = {10000 + max(1000, CALLS * 6) - 1}
[policy]
open = ["+65", "local:"]
[handsets]
enabled = false
[pacing]
number_gap = 0
[[trunk]]
name = "phones"
calls_per_second = 0
host = "127.0.0.1"
port = {phones_at}
username = "soak"
password = "secret"
{"".join(far_side.trunk() for far_side in far_sides.values())}
{switch.trunk() if switch else ""}
[[number]]
number = "{CALLED}"
uses = ["receives_calls"]
flow = "takes"
[flow]
takes = [{TAKES}]
""")
log = open(home / "log", "w+")
try:
    phones, _ = start(home, ["handset", "--listen", f"127.0.0.1:{phones_at}", "--script", "phones.toml", "--heard", "heard"], log)
    outdial, ready = start(home, ["--data", "data", "serve"], log)
    url, sip = (ready.split(word)[1].split(",")[0].split()[0] for word in ("api ", "sip "))
    server = Server(url, (home / "data/key").read_text().strip())
    ended, room = queue.Queue(), threading.Semaphore(CALLS)
    threading.Thread(target=server.follow, args=(ended,), daemon=True).start()
    # One call first, so that what is opened once is open.
    status, call = server.ask("POST", "/calls", {"to": "+6591999999", "flow": ASK, "tag": "first"})
    assert status == 201, call
    while ended.get(timeout=60) != call["id"]:
        pass
    time.sleep(1)
    begun = time.monotonic()
    idle = sample(outdial.pid)
    say(f"idle: {idle.memory:.0f} MB, {idle.sockets} sockets, {idle.threads} threads; {SECONDS} s of {CALLS} calls at a time")
    threading.Thread(target=watch, args=({"outdial": outdial.pid, "phones": phones.pid},), daemon=True).start()
    threading.Thread(target=hang_up, args=(server,), daemon=True).start()
    callers = [Sipp(home, scenario, sip, CALLED, EVERY) for scenario in CALLERS]
    placers = [threading.Thread(target=place, args=(server, room, placed)) for _ in range(max(2, CALLS // 20))]
    for placer in placers:
        placer.start()
    gone, unknown, patience = set(), set(), time.monotonic() + SECONDS + 120
    while any(placer.is_alive() for placer in placers) or set(placed) - gone:
        try:
            call = ended.get(timeout=1)
            gone.add(call)
            unknown.add(call)
            # Who calls us takes no place of ours, and the answer to who placed a call may come after its end.
            for call in [call for call in unknown if call in placed]:
                unknown.remove(call)
                room.release()
        except queue.Empty:
            pass
        if time.monotonic() > patience:
            fault(f"{len(set(placed) - gone)} calls have not ended two minutes after the last was placed")
            break
    for caller in callers:
        caller.finish(say, fault)
    for far_side in far_sides.values():
        far_side.finish(say, fault)
    busiest = max(samples["outdial"], key=lambda one: one.sockets)
    say(f"all calls are over; at most there were {busiest.sockets} sockets. Waiting {AFTERWARDS} s for the last transactions")
    time.sleep(AFTERWARDS)
    rest = sample(outdial.pid)
    say(f"idle again: {rest.memory:.0f} MB, {rest.sockets} sockets, {rest.files} files, {rest.threads} threads")
    # HTTP keeps a few connections, and the database a few files more than before.
    for name, before, after in (("sockets", idle.sockets, rest.sockets), ("files", idle.files, rest.files),
                                ("threads", idle.threads, rest.threads)):
        if after > before + 12:
            fault(f"{after} {name} are open, and {before} were before the calls")
    grows()
    with open(home / "rings", "w") as copy:
        rings = next(home.rglob("rings.jsonl")).read_text().splitlines(keepends=True)
        copy.writelines(line for line in rings if "+6591999999" not in line)
    agree(server, home / "rings")
    called_us(server, callers)
    sipps = collections.Counter(kind[2] for call in placed.values() for kind in KINDS if kind[0] == kind_of(call))
    for scenario, far_side in far_sides.items():
        if far_side.calls != sipps[scenario]:
            fault(f"{scenario} was called {far_side.calls} times, and the store has {sipps[scenario]}")
    if switch:
        expected = sum(number.startswith("8102") for number in placed.values())
        switch.agrees(KEYS, expected, say, fault)
finally:
    over.set()
    for far_side in [*callers, *far_sides.values()]:
        far_side.stop()
    if switch:
        switch.tell("stop")
    for process in reversed(running):
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            fault("it does not end when it is told to")
            process.kill()
        if process.returncode not in (0, -signal.SIGTERM):
            fault(f"it ended with code {process.returncode}")
    log.seek(0)
    shouts = [line for line in log if "panicked" in line or " ERROR " in line]
    if shouts:
        fault(f"{len(shouts)} errors in the log, as {shouts[0].strip()}")
print("all is well" if not faults else f"{len(faults)} faults")
sys.exit(bool(faults))
