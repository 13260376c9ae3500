"""`LocalMesh`: a whole mesh on this machine, for `callmesh up`, tests, demo and bench.

    async with LocalMesh(folder, city=Path("deploy/city")) as mesh:
        address = mesh.endpoints.address("intake")
        await mesh.kill("nats", signal.SIGKILL)      # it is started again, on the same port
        await mesh.serving("nats")

The order of a start: read the city, take the folder, read the settings, write nats.conf, start NATS, make the streams,
publish the city, then start all services at once and wait until each says SERVING, so a mesh that is entered has its
city in force. The end is the reverse: services drain together, NATS goes last; who takes too long is killed. No
process outlives this one. A folder belongs to one mesh at a time, and its data stays for the next.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import callmesh
from callmesh.cli import local_switch, nats_server, ports, tether, web_desk
from callmesh.cli.child import Child
from callmesh.cli.endpoints import CONSOLE, FILE, SWITCH, Endpoints, jetstream, own_settings
from callmesh.cli.folder import Folder
from callmesh.cli.keeper import Keeper, Tell
from callmesh.cli.output import BadInput
from callmesh.cli.serve import PARENT
from callmesh.kernel.config import PREFIX, SERVICES, Settings

if TYPE_CHECKING:
    import psutil

    from callmesh.domain.directory import City

START_SECONDS = 60.0
_ROOT = Path(callmesh.__file__).resolve().parent.parent


class LocalMesh:
    """NATS and services as child processes, kept alive while entered. Enter it in the main thread.

    `endpoints` has an address for every service; one that is not among `services` may be served there by
    somebody else. `env` goes to every service. With `tls` services and callers know each other by certificates of an
    authority in the folder, made on the fly (cli/local_tls.py). With `console` the web desk runs too,
    with `switch` (what each number does, cli/switch.py; {} is drawn) a simulated telephone switch.
    `tell(name, text)` is given what happens, for people.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        ports: ports.Ports = "free",
        city: Path | None = None,
        services: Sequence[str] = SERVICES,
        env: Mapping[str, str] | None = None,
        fresh: bool = False,
        tls: bool = False,
        console: bool = False,
        switch: Mapping[str, str] | None = None,
        tell: Tell = lambda name, text: None,
    ) -> None:
        self._folder = Folder(data_dir.resolve())
        self.data_dir, self.city, self.services = self._folder.path, city, tuple(services)
        self.endpoints: Endpoints
        self.started_in = 0.0
        self.clean = True
        self._kind, self._env, self._fresh, self._tls, self._tell = ports, dict(env or {}), fresh, tls, tell
        self._console, self._switch = console, switch
        self._keepers: dict[str, Keeper] = {}
        self._ports = contextlib.ExitStack()

    async def __aenter__(self) -> LocalMesh:
        begun = time.monotonic()
        try:
            await self._start()
        except BaseException:
            await self._stop()
            raise
        self.started_in = time.monotonic() - begun
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop()

    @property
    def nats_url(self) -> str:
        """nats://127.0.0.1:port"""
        return self.endpoints.nats_url

    @property
    def processes(self) -> tuple[str, ...]:
        """Names of all that run: `nats`, the services, `console`, `switch`."""
        return tuple(self._keepers)

    def process(self, name: str) -> psutil.Process:
        """The process of a service or of `nats`."""
        import psutil

        return psutil.Process(self._keeper(name).child.pid)

    def log(self, name: str) -> Path:
        """The file with what a service or `nats` said."""
        return self._keeper(name).child.log

    async def kill(self, name: str, number: int = signal.SIGKILL, *, stay_down: bool = False) -> None:
        """Sends a signal; returns when the process has ended, or at once for SIGSTOP and SIGCONT.

        It is started again by itself, unless it is to `stay_down` until `restart`.
        """
        await self._keeper(name).kill(number, stay_down)

    async def restart(self, name: str, seconds: float = START_SECONDS) -> None:
        """Stops it politely if it runs, starts it, returns when it is ready."""
        await self._keeper(name).restart(seconds)

    async def serving(self, name: str, seconds: float = START_SECONDS) -> None:
        """Returns when it answers and, a service, says SERVING; TimeoutError after `seconds`."""
        await self._keeper(name).ready(seconds)

    def memory(self) -> dict[str, int]:
        """Resident bytes of each process, `supervisor` (this one) among them."""
        import psutil

        held = {}
        for name, pid in self.endpoints.pids.items():
            with contextlib.suppress(psutil.NoSuchProcess):
                held[name] = psutil.Process(pid).memory_info().rss
        return held

    def _keeper(self, name: str) -> Keeper:
        if name not in self._keepers:
            raise BadInput(f"this mesh has no {name}; it has {', '.join(self._keepers)}")
        return self._keepers[name]

    # start

    async def _start(self) -> None:
        city = self._read_city()
        self._folder.take(self._fresh)
        chosen = ports.choose(self._kind, self._ports)
        more = [name for name, on in ((CONSOLE, self._console), (SWITCH, self._switch is not None)) if on]
        ports.require_free({name: chosen[name] for name in ("nats", "monitor", *more, *self.services)})
        self.endpoints = Endpoints(
            services={name: f"127.0.0.1:{chosen[name]}" for name in SERVICES},
            nats_url=f"nats://127.0.0.1:{chosen['nats']}",
            nats_monitor=f"http://127.0.0.1:{chosen['monitor']}",
            data_dir=str(self.data_dir),
            identities=self._identities(),
            console=f"http://127.0.0.1:{chosen[CONSOLE]}" if self._console else "",
            switch=self._foreign_switch() if self._switch is None else f"127.0.0.1:{chosen[SWITCH]}",
        )
        environment = self._environment()
        settings = own_settings(environment)
        self._keepers["nats"] = self._nats(chosen["nats"], chosen["monitor"], environment)
        await self._keepers["nats"].start(START_SECONDS)
        await self._furnish(settings, city)
        for name in self.services:
            self._keepers[name] = self._service(name, chosen[name], environment)
        if self._console:
            self._keepers[CONSOLE] = web_desk.keeper(self.endpoints, environment, self._tell, self._write)
        if self._switch is not None:
            at, logs = self.endpoints.switch, self.data_dir / "logs"
            kept = local_switch.keeper(at, self._switch, environment, logs, self._tell, self._write)
            self._keepers[SWITCH] = kept
        await all_or_none([one.start(START_SECONDS) for name, one in self._keepers.items() if name != "nats"])
        self._write()

    def _foreign_switch(self) -> str:
        """Address of the switch that the settings name, "" without."""
        return (os.environ | self._env).get(f"{PREFIX}SWITCH", "")

    def _environment(self) -> dict[str, str]:
        """What every service is given; `env` has the last word."""
        path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH", ""))))
        own = {
            "NATS_URL": self.endpoints.nats_url,
            "NATS_MONITOR": self.endpoints.nats_monitor,
            "HOST": "127.0.0.1",
            "DATA_DIR": str(self.data_dir),
            "SWITCH": self.endpoints.switch,
        }
        ours = {PREFIX + name: value for name, value in own.items()}
        return os.environ | ours | {"PYTHONPATH": path, PARENT: str(os.getpid())} | self._env

    def _identities(self) -> str:
        """The folder of certificates, furnished; "" without mTLS."""
        if not self._tls:
            return ""
        from callmesh.cli import local_tls

        folder = self.data_dir / "tls"
        self._tell("certificates", local_tls.furnish(folder, self.services, self.city))
        return str(folder)

    def _nats(self, port: int, monitor_port: int, environment: Mapping[str, str]) -> Keeper:
        store, settings = self.data_dir / "nats", self.data_dir / "nats.conf"
        limit = nats_server.file_store_limit(store)
        settings.write_text(nats_server.config(port, monitor_port, store, limit))
        program = [str(nats_server.require_binary()), "-c", str(settings)]
        command = [sys.executable, "-I", "-S", str(tether.__file__), str(os.getpid()), *program]

        async def ready(seconds: float | None) -> None:
            await nats_server.until_healthy(self.endpoints.nats_monitor, seconds)

        child = Child("nats", command, environment, self.data_dir / "logs" / "nats.log")
        return Keeper(child, f"127.0.0.1:{port}", ready, self._tell, self._write)

    def _service(self, name: str, port: int, environment: Mapping[str, str]) -> Keeper:
        address = self.endpoints.services[name]

        async def ready(seconds: float | None) -> None:
            from callmesh.cli import health  # grpc: loaded while the services start

            await health.until_serving(address, seconds, self.endpoints.wallet)

        command = [sys.executable, "-P", "-m", "callmesh", "serve", name]
        own = {f"{PREFIX}PORT": str(port)} | self._certificate(name)
        child = Child(name, command, {**environment, **own}, self.data_dir / "logs" / f"{name}.log")
        return Keeper(child, address, ready, self._tell, self._write)

    def _certificate(self, name: str) -> dict[str, str]:
        if not self.endpoints.identities:
            return {}
        from callmesh.cli import local_tls

        return local_tls.settings(Path(self.endpoints.identities), name)

    def _read_city(self) -> City | None:
        """Before anything is started: one with a fault starts nothing, and NATS drops a client that is busy reading."""
        from callmesh.cli import directory

        return directory.read_city(self.city) if self.city is not None else None

    async def _furnish(self, settings: Settings, city: City | None) -> None:
        """Streams, and the city if there is one."""
        from callmesh.cli import directory, streams

        async with jetstream(self.endpoints) as js:
            self._tell("streams", await streams.put(js, settings, settings.shards, replicas=1))
            if city is not None:
                self._tell("directory", await directory.put(js, city))

    def _write(self) -> None:
        """Addresses and process ids for others; again whenever a process was started again."""
        pids = {name: keeper.child.pid for name, keeper in self._keepers.items()}
        fields = vars(self.endpoints) | {"pids": {"supervisor": os.getpid(), **pids}}
        self.endpoints = Endpoints(**fields)
        self.endpoints.save(self.data_dir / FILE)

    # end

    def abandon(self) -> None:
        """Kills everything now, for those who cannot wait; leaving the mesh then takes no time."""
        self.clean = False
        for keeper in self._keepers.values():
            keeper.child.signal(signal.SIGKILL)

    async def _stop(self) -> None:
        if not self._folder.is_ours:
            return
        services = [keeper.stop() for name, keeper in self._keepers.items() if name != "nats"]
        ended = await asyncio.gather(*reversed(services))
        if "nats" in self._keepers:
            ended += await asyncio.gather(self._keepers["nats"].stop())
        self.clean = self.clean and all(ended)
        self._keepers.clear()
        self._ports.close()
        self._folder.release()


async def all_or_none(works: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Runs them together; when one fails the others are given up and its error is raised."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
