"""Pods of deploy/kubernetes without a cluster: Podman runs them with what their manifests say.

Podman's own `play kube` does not know all of it in Debian's version (4.3): volumes of Secrets, and
`emptyDir`. Each pod has a network of its own, in which `forwarded` puts a server of this machine.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.kubernetes import Found, Manifest, pod

Secrets = Mapping[str, Mapping[str, str]]
_NETWORK = 0x40000000  # CLONE_NEWNET of sched.h


def arguments(workload: Manifest, found: Found, secrets: Secrets, folder: Path) -> list[str]:
    """Return the options of `podman run` for the one container of a workload."""
    spec = pod(workload)
    (container,) = spec["containers"]
    return [
        *_rights(container["securityContext"]),
        f"--memory={container['resources']['limits']['memory'].replace('Mi', 'm')}",
        *(f"--env={name}={value}" for name, value in _environ(workload, found, secrets).items()),
        *_volumes(spec, container, found, secrets, folder),
    ]


def command(workload: Manifest) -> list[str]:
    """Return what runs in a workload in place of the image's own command, if anything."""
    (container,) = pod(workload)["containers"]
    return list(container.get("command", []))


def _rights(context: Manifest) -> Iterator[str]:
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}  # which is Podman's default
    yield "--cap-drop=all"
    yield f"--user={context['runAsUser']}:{context['runAsGroup']}"
    # Podman mounts more folders by itself where it is read-only; a cluster does not.
    yield from (
        ("--read-only", "--read-only-tmpfs=false") if context["readOnlyRootFilesystem"] else ()
    )
    yield from () if context["allowPrivilegeEscalation"] else ("--security-opt=no-new-privileges",)


def _environ(workload: Manifest, found: Found, secrets: Secrets) -> dict[str, str]:
    (container,) = pod(workload)["containers"]
    environ = found.environment(workload)
    for each in container["envFrom"]:
        if "secretRef" in each:
            environ |= secrets[each["secretRef"]["name"]]
    return environ


def _volumes(
    spec: Manifest, container: Manifest, found: Found, secrets: Secrets, folder: Path
) -> Iterator[str]:
    volumes = {each["name"]: each for each in spec["volumes"]}
    for mount in container["volumeMounts"]:
        volume = volumes[mount["name"]]
        if "emptyDir" in volume:
            yield f"--tmpfs={mount['mountPath']}:mode=1777"
            continue
        if "secret" in volume:
            name, files = volume["secret"]["secretName"], secrets[volume["secret"]["secretName"]]
        else:
            name = volume["configMap"]["name"]
            files = found.one("ConfigMap", name)["data"]
        mode = volume.get("secret", {}).get("defaultMode", 0o644)
        place = _written(folder / name, files, mode, spec["securityContext"]["fsGroup"])
        yield f"--volume={place}:{mount['mountPath']}:ro"


def _written(place: Path, files: Mapping[str, str], mode: int, group: int) -> Path:
    """Write files as the cluster does: of root, readable for the pod's group."""
    place.mkdir(exist_ok=True)
    place.chmod(0o755)
    for name, text in files.items():
        path = place / name
        path.write_text(text)
        path.chmod(mode)
        shutil.chown(path, group=group)
    return place


@contextmanager
def forwarded(pid: int, port: int, target: int) -> Iterator[None]:
    """Forward a port of loopback in the network of a process to one on this machine's."""
    listener = _listener(pid, port)
    threading.Thread(target=_accept, args=(listener, target), daemon=True).start()
    try:
        yield
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _listener(pid: int, port: int) -> socket.socket:
    """Return a socket that listens in another network; only this thread goes there, and back."""
    library = ctypes.CDLL(None, use_errno=True)
    with (
        Path("/proc/thread-self/ns/net").open() as here,
        Path(f"/proc/{pid}/ns/net").open() as there,
    ):
        if library.setns(there.fileno(), _NETWORK):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        try:
            return socket.create_server(("127.0.0.1", port))
        finally:
            library.setns(here.fileno(), _NETWORK)


def _accept(listener: socket.socket, target: int) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            server = socket.create_connection(("127.0.0.1", target))
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=_copy, args=(one, other), daemon=True).start()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
