"""Holds calls at scripted handsets, and at an Asterisk where SOAK_ASTERISK names its starter: soak.py PROGRAM SECONDS CALLS

Watches the program's sockets, memory and threads meanwhile. At the end what the far sides saw, what
the store says and the list of live calls must agree, and nothing may have grown. Exit code 0 when
all is well. Uses the standard library only; everything is on loopback, in a temporary directory.
"""

import collections
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

PROGRAM, SECONDS, CALLS = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])

# What phones do, by the beginning of their number, and what becomes of calls to them.
SCRIPT = """
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
# Beginning of the number, how many of a hundred calls, the flow, what the call ends as.
KINDS = [
    ("+6591", 40, ASK, "completed"),
    ("+6592", 20, [{"pause": "30s"}], "completed"),
    ("+6593", 10, [{"send_digits": "12345#"}, {"pause": "3s"}], "completed"),
    ("+6594", 10, [{"say": "Hello."}, {"gather": {"digits": 1, "timeout": "3s"}}, {"pause": "3s"}], "completed"),
    ("+6595", 5, [], "busy"),
    ("+6596", 5, [], "invalid_number"),
    ("+6597", 5, [], "no_answer"),
    ("+6598", 5, [], "no_answer"),
]
# At Asterisk, over TLS, by SRTP and in G.722: it reads keys of ours and hangs up, or sends us its own.
SWITCH = os.environ.get("SOAK_ASTERISK")
KEYS = "1234"
if SWITCH:
    KINDS += [
        ("8102", 15, [{"pause": "500ms"}, {"send_digits": f"{KEYS}#"}, {"pause": "20s"}], "completed"),
        ("8112", 10, [{"gather": {"most": 12, "finish": "none", "timeout": "8s"}}], "completed"),
    ]
EXPECTED = {beginning: outcome for beginning, _, _, outcome in KINDS}
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
        self.headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def ask(self, method, path, body=None, connection=None):
        own = connection or http.client.HTTPConnection(self.address, timeout=60)
        own.request(method, f"/api/v1{path}", body and json.dumps(body), self.headers)
        answer = own.getresponse()
        text = answer.read()
        if connection is None:
            own.close()
        return answer.status, json.loads(text) if text else None

    def every(self, query):
        """All calls of a list, page by page."""
        cursor, calls = "", []
        while cursor is not None:
            _, page = self.ask("GET", f"/calls?limit=1000&{query}" + (f"&cursor={cursor}" if cursor else ""))
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
        beginning, _, flow, _ = chance.choices(KINDS, [kind[1] for kind in KINDS])[0]
        # Only who is not to answer is given up soon: a busy machine may be slow.
        body = {"to": beginning + ("" if beginning == "8112" else f"{next(numbers):06d}"), "flow": flow, "tag": "soak",
                "ring": "3s" if EXPECTED[beginning] == "no_answer" else "20s",
                "via": "phones" if beginning.startswith("+") else "switch"}
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
        else:
            fault(f"a call was refused with {status}: {call}")
            room.release()


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


class Switch:
    """An Asterisk with certificates of its own."""

    def __init__(self, home):
        self.home, self.sip, self.tls, self.sound = home / "switch", free_port(), free_port(), 30000
        openssl = lambda words: subprocess.run(["openssl", *words.split()], cwd=home, check=True, capture_output=True)
        openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=root "
                "-keyout root.key -out root.pem -addext basicConstraints=critical,CA:TRUE")
        openssl("req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout switch.key -out switch.csr -subj /CN=switch")
        (home / "switch.ext").write_text("subjectAltName=DNS:switch.test\nbasicConstraints=CA:FALSE\n")
        openssl("x509 -req -in switch.csr -CA root.pem -CAkey root.key -CAcreateserial -days 2 -extfile switch.ext -out switch.pem")
        self.around = os.environ | {
            "ASTERISK_HOME": str(self.home), "ASTERISK_SIP_PORT": str(self.sip), "ASTERISK_TLS_PORT": str(self.tls),
            "ASTERISK_RTP_START": str(self.sound), "ASTERISK_RTP_END": str(self.sound + 999),
            "ASTERISK_TLS_CERTIFICATE": str(home / "switch.pem"), "ASTERISK_TLS_KEY": str(home / "switch.key"),
            "ASTERISK_TLS_ROOT": str(home / "root.pem")}
        self.tell("start")

    def tell(self, *words):
        return subprocess.run([SWITCH, *words], env=self.around, check=True, capture_output=True, text=True).stdout

    def trunk(self, home):
        return (f'[[trunk]]\nname = "switch"\nhost = "127.0.0.1"\nport = {self.tls}\ntransport = "tls"\n'
                f'srtp = "require"\ncodecs = ["G722", "PCMU"]\nusername = "outdial"\npassword = "outdial-secret"\n'
                f'[trunk.tls]\nroots = "{home / "root.pem"}"\nname = "switch.test"\n')

    def agrees(self, calls):
        left = self.tell("cli", "core show channels")
        if "0 active calls" not in left:
            fault(f"calls go on at Asterisk: {left}")
        expected = sum(placed[call].startswith("8102") for call in calls)
        rows = [line for line in self.tell("cli", "database show digits").splitlines() if line.startswith("/digits/")]
        heard = sum(line.split(":")[1].strip() == KEYS for line in rows)
        if heard != expected:
            fault(f"Asterisk heard our keys in {heard} of {expected} calls")
        say(f"Asterisk heard our keys in {heard} calls")


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def agree(server, log):
    calls = {call["id"]: call for call in server.every("tag=soak")}
    if set(calls) != set(placed):
        fault(f"{len(placed)} calls were placed and the store has {len(calls)}")
    for state in ("scheduled", "queued", "active"):
        left = server.every(f"state={state}")
        if left:
            fault(f"{len(left)} calls are still {state}, as {left[0]['id']}")
    outcomes, reasons = collections.Counter(), {}
    for call in calls.values():
        ending = call.get("ending") or {}
        kind = (kind_of(placed[call["id"]]), ending.get("outcome"))
        outcomes[kind] += 1
        reasons[kind] = f"{call['id']}: {ending.get('reason')}"
    for (beginning, outcome), count in sorted(outcomes.items(), key=str):
        if EXPECTED.get(beginning) == outcome:
            say(f"{beginning}…: {count} {outcome}")
        else:
            last = reasons[beginning, outcome]
            fault(f"{count} calls to {beginning}… ended as {outcome}, not as {EXPECTED.get(beginning)}, as {last}")

    rings, unended, acknowledged = open_rings(log)
    twice = [call for call, count in rings.items() if count != 1]
    if twice:
        fault(f"{len(twice)} legs rang more than once, as {twice[0]}")
    if unended:
        fault(f"{len(unended)} calls go on at the far sides, as {sorted(unended)[0]}")
    at_phones = {call for call in calls if placed[call].startswith("+")}
    if len(rings) != len(at_phones):
        fault(f"the phones were rung {len(rings)} times for {len(at_phones)} calls")
    answered = sum(count for (beginning, outcome), count in outcomes.items()
                   if beginning.startswith("+") and EXPECTED.get(beginning) == outcome == "completed")
    if acknowledged < answered:
        fault(f"{answered} calls were answered and only {acknowledged} acknowledged")
    legs = {ring.split("@")[0] for ring in rings}
    for call in random.Random(1).sample(sorted(calls), min(200, len(calls))):
        _, story = server.ask("GET", f"/calls/{call}/explain")
        for attempt in story["call"]["attempts"]:
            for leg in attempt["legs"]:
                if call in at_phones and leg["id"] not in legs or leg["state"] != "ended":
                    fault(f"leg {leg['id']} of {call} is {leg['state']}, and the far sides know {leg['id'] in legs}")
    say(f"{len(calls)} calls: store, live list and far sides have been compared")


begun = time.monotonic()
over, lock, numbers = threading.Event(), threading.Lock(), itertools.count()
placed, samples = {}, collections.defaultdict(list)
folder = tempfile.TemporaryDirectory(prefix="outdial-soak")
home = pathlib.Path(folder.name)
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
    free.bind(("127.0.0.1", 0))
    phones_at = free.getsockname()[1]
(home / "phones.toml").write_text(SCRIPT)
switch = Switch(home) if SWITCH else None
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
{switch.trunk(home) if switch else ""}""")
log = open(home / "log", "w+")
try:
    phones, _ = start(home, ["handset", "--listen", f"127.0.0.1:{phones_at}", "--script", "phones.toml", "--heard", "heard"], log)
    outdial, ready = start(home, ["--data", "data", "serve"], log)
    url = ready.split("api ")[1].split(",")[0].split()[0]
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
    placers = [threading.Thread(target=place, args=(server, room, placed)) for _ in range(max(2, CALLS // 20))]
    for placer in placers:
        placer.start()
    gone, patience = set(), time.monotonic() + SECONDS + 120
    while any(placer.is_alive() for placer in placers) or set(placed) - gone:
        try:
            gone.add(ended.get(timeout=1))
            room.release()
        except queue.Empty:
            pass
        if time.monotonic() > patience:
            fault(f"{len(set(placed) - gone)} calls have not ended two minutes after the last was placed")
            break
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
    if switch:
        switch.agrees(placed)
finally:
    over.set()
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
