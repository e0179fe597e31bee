#!/usr/bin/env python3
"""Writes call files with pycall 2.3.2: pycall_write.py write|rate

write: for each wish of a JSON list on standard input, spools a call file; prints their names.
rate:  spools one wish for so many seconds; prints files per second and processor seconds per file.

A wish has what pycall's classes take: channel, callerid, variables, account, wait_time, retry_time,
max_retries; application and data, or context, extension and priority; archive, user; time (local,
as seconds since 1970); spool_dir and tempdir.
"""
import datetime
import json
import os
import sys
import time

from pycall import Application, Call, CallFile, Context

CALL = ("callerid", "variables", "account", "wait_time", "retry_time", "max_retries")


def spool(wish, name):
    call = Call(wish["channel"], **{key: wish[key] for key in CALL if key in wish})
    if "application" in wish:
        action = Application(wish["application"], wish["data"])
    else:
        action = Context(wish["context"], wish["extension"], wish["priority"])
    file = CallFile(
        call, action, archive=wish.get("archive"), filename=name, tempdir=wish["tempdir"],
        user=wish.get("user"), spool_dir=wish["spool_dir"])
    when = wish.get("time")
    file.spool(datetime.datetime.fromtimestamp(when) if when else None)


def main():
    wishes = json.load(sys.stdin)
    if sys.argv[1] == "write":
        names = []
        for number, wish in enumerate(wishes):
            name = wish.get("name") or "pycall-%d-%d.call" % (os.getpid(), number)
            spool(wish, name)
            names.append(name)
        json.dump(names, sys.stdout)
    else:
        length, count = float(sys.argv[2]), 0
        started, used = time.monotonic(), time.process_time()
        while time.monotonic() - started < length:
            spool(wishes[0], "pycall-%d-%d.call" % (os.getpid(), count))
            count += 1
        took, used = time.monotonic() - started, time.process_time() - used
        json.dump({"rate": count / took, "processor": used / count}, sys.stdout)


if __name__ == "__main__":
    main()
