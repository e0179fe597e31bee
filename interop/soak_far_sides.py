"""The far sides of soak.py that are programs of others: SIPp and Asterisk."""

import csv
import os
import pathlib
import signal
import socket
import subprocess

SCENARIOS = pathlib.Path(__file__).parent / "sipp"


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Sipp:
    """Plays one scenario to every call that comes, or makes a call every so many seconds."""

    # Of sound: below the ports that the system gives away by itself.
    sound = 31000

    def __init__(self, home, scenario, callee=None, number=None, every=None):
        self.scenario, self.port, self.calls = scenario, free_port(), 0
        self.folder = home / f"sipp-{scenario}"
        self.folder.mkdir()
        file = SCENARIOS / f"{scenario}.xml"
        self.tcp = "sipp options: -t t1" in file.read_text()
        words = ["sipp", "-sf", file, "-i", "127.0.0.1", "-bind_local", "-mi", "127.0.0.1", "-p", self.port,
                 "-mp", Sipp.sound, "-cp", free_port(), "-nostdin", "-skip_rlimit", "-trace_stat", "-stf", "counts", "-fd", "1",
                 "-trace_err", "-error_file", "errors"]
        words += ["-t", "t1"] if self.tcp else []
        words += [callee, "-s", number, "-r", 1, "-rp", every * 1000] if callee else []
        Sipp.sound += 20
        self.process = subprocess.Popen([str(word) for word in words], cwd=self.folder, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def trunk(self):
        # It sends no sound, so its silence means nothing.
        return (f'[[trunk]]\nname = "{self.scenario}"\nhost = "127.0.0.1"\nport = {self.port}\ncalls_per_second = 0\n'
                f'transport = "{"tcp" if self.tcp else "udp"}"\nsilent_after = 0\n')

    def finish(self, say, fault):
        """Lets it end its calls, and looks how they went."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGUSR1)
        try:
            code = self.process.wait(60)
        except subprocess.TimeoutExpired:
            fault(f"calls go on at {self.scenario}")
            return
        with open(self.folder / "counts") as table:
            counts = list(csv.DictReader(table, delimiter=";"))[-1]
        done, failed = int(counts["SuccessfulCall(C)"]), int(counts["FailedCall(C)"])
        self.calls = done + failed
        say(f"{self.scenario}: {done} calls went as they should")
        if failed or self.calls and code:
            errors = self.folder / "errors"
            fault(f"{self.scenario} ended with {code}, and {failed} calls failed: "
                  f"{errors.read_text()[:4000] if errors.exists() else ''}")

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Switch:
    """An Asterisk with certificates of its own."""

    def __init__(self, starter, home):
        self.starter, self.root = starter, home / "root.pem"
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
        return subprocess.run([self.starter, *words], env=self.around, check=True, capture_output=True, text=True).stdout

    def trunk(self):
        return (f'[[trunk]]\nname = "switch"\nhost = "127.0.0.1"\nport = {self.tls}\ntransport = "tls"\n'
                f'srtp = "require"\ncodecs = ["G722", "PCMU"]\nusername = "outdial"\npassword = "outdial-secret"\n'
                f'[trunk.tls]\nroots = "{self.root}"\nname = "switch.test"\n')

    def agrees(self, keys, expected, say, fault):
        """It has no call any more, and heard these keys in so many."""
        left = self.tell("cli", "core show channels")
        if "0 active calls" not in left:
            fault(f"calls go on at Asterisk: {left}")
        rows = [line for line in self.tell("cli", "database show digits").splitlines() if line.startswith("/digits/")]
        heard = sum(line.split(":")[1].strip() == keys for line in rows)
        if heard != expected:
            fault(f"Asterisk heard our keys in {heard} of {expected} calls")
        say(f"Asterisk heard our keys in {heard} calls")
