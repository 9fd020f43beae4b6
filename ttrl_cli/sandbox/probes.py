"""The programs of the self-check: each tries one thing and returns what it achieved.

They run as candidates do. Where a list comes back, it holds words for what should not have been
possible; it should be empty.
"""

READ = """
def run(paths):
    found = []
    for path in paths:
        try:
            open(path).read()
            found.append(f"read {path}")
        except OSError:
            pass
    return found
"""
WRITE = """
import os, sys

def run():
    written = []
    for folder in ["/", "/usr", "/etc", "/var/tmp", "/run", "/dev", "/home", sys.prefix]:
        path = os.path.join(folder, f"ttrl-self-check-{os.getpid()}")
        try:
            open(path, "x").close()
            os.unlink(path)
            written.append(f"wrote in {folder}")
        except OSError:
            pass
    return written
"""
LOOK_AROUND = """
import os

def run(pid):
    found = []
    others = {name for name in os.listdir("/proc") if name.isdigit()} - {str(os.getpid())}
    if others:
        found.append(f"saw {len(others)} other processes")
    if os.getpid() != pid:
        try:
            os.kill(pid, 0)
            found.append("could signal ttrl")
        except OSError:
            pass
    return found
"""
CONNECT = """
import socket

def run(port, name):
    reached = []
    targets = [("TCP", socket.AF_INET, ("127.0.0.1", port)),
               ("an abstract Unix socket", socket.AF_UNIX, chr(0) + name)]
    for word, family, address in targets:
        try:
            with socket.socket(family) as connection:
                connection.settimeout(0.5)
                connection.connect(address)
            reached.append(f"reached this machine by {word}")
        except OSError:
            pass
    return reached
"""
GAIN = """
import ctypes

def run():
    gained = []
    with open("/proc/self/status") as file:
        status = dict(line.split(":", 1) for line in file)
    for name in ("CapPrm", "CapEff", "CapBnd"):
        if int(status[name], 16):
            gained.append(f"has capabilities ({name} {status[name].strip()})")
    if status["NoNewPrivs"].strip() != "1":
        gained.append("may gain privileges")
    if ctypes.CDLL(None).unshare(0x10000000) == 0:
        gained.append("entered a user namespace of its own")
    return gained
"""
RARE_CALLS = """
import ctypes

def run():
    libc = ctypes.CDLL(None, use_errno=True)
    answered = []
    for name, number in (("io_uring_setup", 425), ("pidfd_getfd", 438), ("open_tree", 428)):
        libc.syscall(ctypes.c_long(number), -1, None, 0)
        if ctypes.get_errno() not in (1, 38):  # EPERM, ENOSYS
            answered.append(f"{name} answers")
    return answered
"""
ORPHAN = """
import subprocess, tempfile

def run(nap):
    subprocess.Popen(["sleep", nap], start_new_session=True)
    open(tempfile.gettempdir() + "/left", "w").close()
    return []
"""
FIND_FILE = """
import os, tempfile

def run():
    return ["found a file of the program before it"] * os.path.exists(
        tempfile.gettempdir() + "/left")
"""
FIND_SECRET = """
import os

def run(name):
    own = name in os.environ or name.encode() in open("/proc/self/environ", "rb").read()
    return ["found a variable of ours"] * own
"""
OPEN = """
import os

def run():
    opened = 0
    try:
        while opened < 5000:
            os.dup(1)
            opened += 1
    except OSError:
        pass
    return opened
"""
FILL = """
import os

def run():
    written = 0
    try:
        for place in ("a", "b", "c"):
            with open(place, "wb", buffering=0) as file:
                for _ in range(64):
                    written += file.write(bytes(100_000))
    except OSError:
        pass
    return written
"""
SPREAD = """
import os, time

def run():
    for _ in range(4):
        if os.fork() == 0:
            held = bytearray(os.urandom(1 << 20) * 100)
            time.sleep(60)
    time.sleep(60)
"""
SPIN = """
import os

def run():
    for _ in range(3):
        os.fork()
    while True:
        pass
"""
MULTIPLY = """
import os, time

def run():
    for _ in range(400):
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
    time.sleep(60)
"""
FORGE = """
import io, os, numpy

def run():
    file = io.BytesIO()
    numpy.save(file, numpy.array([{}], dtype=object), allow_pickle=True)
    frame = b"npy %d\\n" % len(file.getvalue()) + file.getvalue()
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, frame)
        except OSError:
            pass
    os._exit(0)
"""
