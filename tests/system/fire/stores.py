"""PostgreSQL and Redis of a test's own: private folders and ports, on loopback, gone with the ``with`` block."""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from airflow_provider_groq.demo.home import free_port

MODULES = ("airflow.providers.celery", "asyncpg", "psycopg2", "redis")
USER = "airflow"
STOP_SECONDS = 30


def missing():
    """What cannot be had of all that several machines' worth of Airflow stands on, in words."""
    modules = [name for name in MODULES if importlib.util.find_spec(name) is None]
    programs = [name for name in ("postgres", "initdb", "pg_dump", "redis-server") if program(name) is None]
    reasons = [f"no {name}" for name in modules + programs]
    if os.geteuid() == 0 and unprivileged() is None:
        reasons.append("PostgreSQL does not run as root, and there is no user postgres or nobody")
    return ", ".join(reasons)


def program(name):
    """The path of a program; Debian keeps PostgreSQL's servers, of each version, outside of PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    return str(debian[-1]) if debian else shutil.which(name)


def unprivileged():
    """A user that is not root."""
    users = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in users), None)


class Store:
    """A server in a session of its own, whose files are in a folder of its own."""

    def __init__(self, log):
        self.port = free_port()
        self._log = log
        self._user = None

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="store-"))
        try:
            self._prepare()
            self._process = self._popen(self._command())
            self._await_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        process = getattr(self, "_process", None)
        if process is not None:
            # To PostgreSQL SIGINT means to end now, to Redis as well.
            process.send_signal(signal.SIGINT)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _popen(self, command):
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            user=self._user,
            group=self._user and pwd.getpwnam(self._user).pw_gid,
            extra_groups=self._user and [],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _await_ready(self, seconds=60):
        deadline = time.monotonic() + seconds
        while not self._ready():
            assert self._process.poll() is None, f"{self._process.args[0]} ended with {self._process.returncode}"
            assert time.monotonic() < deadline, f"{self._process.args[0]} was not ready within {seconds} s"
            time.sleep(0.1)

    def _prepare(self):
        pass


class Postgres(Store):
    """A PostgreSQL server with one database, which forgets everything in a crash of the machine."""

    def _prepare(self):
        if os.geteuid() == 0:
            self._user = unprivileged()
            shutil.chown(self.folder, self._user)
        options = ["--auth=trust", f"--username={USER}", "--encoding=UTF8", "--locale=C", "--no-sync"]
        made = self._popen([program("initdb"), *options, "-D", str(self.folder / "data")])
        assert made.wait() == 0, "initdb failed"

    def _command(self):
        # Each process of Airflow keeps connections, and there are many of them.
        options = {
            "fsync": "off",
            "full_page_writes": "off",
            "listen_addresses": "127.0.0.1",
            "max_connections": "300",
            "synchronous_commit": "off",
            "unix_socket_directories": "",
        }
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return [program("postgres"), "-D", str(self.folder / "data"), "-p", str(self.port), *settings]

    def url(self, driver):
        """The database's address for SQLAlchemy."""
        return f"postgresql+{driver}://{USER}@127.0.0.1:{self.port}/postgres"

    def query(self, sql, *values):
        """The rows that a query gives."""
        import psycopg2

        connection = psycopg2.connect(host="127.0.0.1", port=self.port, user=USER, dbname="postgres")
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(sql, values)
                return cursor.fetchall()
        finally:
            connection.close()

    def dump(self):
        """All that is in the database, as SQL."""
        command = [program("pg_dump"), "-h", "127.0.0.1", "-p", str(self.port), "-U", USER, "postgres"]
        return subprocess.run(command, check=True, capture_output=True).stdout

    def _ready(self):
        import psycopg2

        try:
            self.query("select 1")
        except psycopg2.OperationalError:
            return False
        return True


class Redis(Store):
    """A Redis server that keeps nothing on disk."""

    def _command(self):
        options = {"bind": "127.0.0.1", "port": str(self.port), "save": "", "appendonly": "no"}
        return [program("redis-server"), *[part for name, value in options.items() for part in (f"--{name}", value)]]

    @property
    def url(self):
        """The address for Celery."""
        return f"redis://127.0.0.1:{self.port}/0"

    def _ready(self):
        import redis

        try:
            with redis.Redis(port=self.port) as client:
                return client.ping()
        except redis.ConnectionError:
            return False
