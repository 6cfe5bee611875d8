"""What the manifests of deploy/kubernetes have to keep beyond schemas and the policy scanner."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from paymentapp import gunicorn_conf
from paymentapp.declarations import groups, states, unknown
from tests.support.kubernetes import Found, Manifest, pod

NAME, COMPONENT = "app.kubernetes.io/name", "app.kubernetes.io/component"
RUNNING = ("web", "worker")
LINK_LOCAL = "169.254.0.0/16"  # where clouds give out credentials
DATABASE = {"web": "web", "worker": "worker", "init": "owner", "operator": "web"}
SECRETS = {
    "web": {"paymentapp-shared"},
    "worker": {"paymentapp-shared", "paymentapp-money"},
    "init": set(),
    "operator": {"paymentapp-shared"},
}


def faults(found: Found) -> list[str]:
    """Return what is wrong, each with the name of what it is wrong with."""
    return [
        *(
            f"{who}: {each}"
            for who, one in found.workloads()
            for each in _workload(who, one, found)
        ),
        *(f"{name}: {each}" for name in RUNNING for each in _serving(name, found)),
        *_selectors(found),
        *_network(found),
        *_front(found),
        *_namespace(found),
    ]


def _workload(component: str, workload: Manifest, found: Found) -> Iterator[str]:
    yield from _pod(workload)
    yield from _rights(component, workload)
    yield from _settings(component, found.environment(workload))


def _pod(workload: Manifest) -> Iterator[str]:
    spec = pod(workload)
    (container,) = spec["containers"]
    volumes = {each["name"] for each in spec["volumes"]}
    for mount in container["volumeMounts"]:
        if mount["name"] not in volumes:
            yield f"there is no volume {mount['name']}"
    if spec["automountServiceAccountToken"]:
        yield "it has a token of the cluster's API"
    if spec.get("enableServiceLinks", True):
        yield "the cluster gives it variables that look like settings"


def _rights(component: str, workload: Manifest) -> Iterator[str]:
    spec = pod(workload)
    (container,) = spec["containers"]
    references = [each["secretRef"]["name"] for each in container["envFrom"] if "secretRef" in each]
    if set(references) != SECRETS[component]:
        yield f"it reads {references}"
    mounted = [each["secret"]["secretName"] for each in spec["volumes"] if "secret" in each]
    if mounted != [f"paymentapp-database-{DATABASE[component]}"]:
        yield f"it mounts {mounted}"


def _settings(component: str, environ: Mapping[str, str]) -> Iterator[str]:
    yield from (f"{name} is no setting" for name in unknown(environ))
    for group in groups():
        yield from (
            f"{each.variable.name}: {each.problem}"
            for each in states(group, environ)
            if each.problem
        )
    store = environ["PAYMENTAPP_STORE"]
    if not store.startswith(f"postgresql://paymentapp_{DATABASE[component]}@"):
        yield "it connects as somebody else"
    if "sslmode=verify-full" not in store:
        yield "the database's certificate is not checked"
    if component in RUNNING and (environ["PAYMENTAPP_DISPATCHER"] == "on") != (
        component == "worker"
    ):
        yield "the worker dispatches, and it alone"
    if component == "init":
        served = {f"paymentapp_{each}" for each in RUNNING}
        if set(environ["PAYMENTAPP_POSTGRESQL_ROLE"].split()) != served:
            yield "it has to grant rows to the roles that serve"


def _serving(name: str, found: Found) -> Iterator[str]:
    workload = found.one("Deployment", f"paymentapp-{name}")
    spec = pod(workload)
    (container,) = spec["containers"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        if container.get(probe, {}).get("httpGet", {}).get("path") != "/healthz":
            yield f"{probe} does not ask /healthz"
    pause = (
        container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["", 0])
    )
    if int(pause[-1]) < 5:
        yield "it stops before proxies have learnt of it"
    if spec["terminationGracePeriodSeconds"] < int(pause[-1]) + gunicorn_conf.graceful_timeout + 5:
        yield "it is killed before it has stopped"
    if workload["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] != 0:
        yield "an upgrade stops pods before others serve"
    if least(name, found) < 2:
        yield "it does not outlive a node"


def least(name: str, found: Found) -> int:
    """Return how many pods of a Deployment there are at least."""
    return _numbers(name, found)[0]


def _numbers(name: str, found: Found) -> tuple[int, int]:
    workload = found.one("Deployment", f"paymentapp-{name}")
    for scaler in found.all("HorizontalPodAutoscaler"):
        if scaler["spec"]["scaleTargetRef"]["name"] == workload["metadata"]["name"]:
            return scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]
    replicas: int = workload["spec"]["replicas"]
    return replicas, replicas


def connections(found: Found) -> int:
    """Return how many connections to the database there can be, during an upgrade too.

    A process has as many as the setting allows. One of the workers' pods has a process more, which
    delivers webhooks; and a command of the operator's or the job is one.
    """
    processes = 1 + 1  # the job, a command
    for name in RUNNING:
        workload = found.one("Deployment", f"paymentapp-{name}")
        environ = found.environment(workload)
        pods = _numbers(name, found)[1] + workload["spec"]["strategy"]["rollingUpdate"]["maxSurge"]
        processes += pods * int(environ["PAYMENTAPP_WORKERS"])
        each = int(environ["PAYMENTAPP_POSTGRESQL_CONNECTIONS"])
    return (processes + 1) * each


def _selected(selector: Manifest, found: Found) -> set[str]:
    """Return the components that a selector of pods selects."""
    return {
        component
        for component, workload in found.workloads()
        if _matches(selector, workload["spec"]["template"]["metadata"]["labels"])
    }


def _matches(selector: Manifest, labels: dict[str, str]) -> bool:
    wanted = selector.get("matchLabels", {}).items()
    among = selector.get("matchExpressions", [])
    return all(labels.get(key) == value for key, value in wanted) and all(
        labels.get(each["key"]) in each["values"] for each in among
    )


def _selectors(found: Found) -> Iterator[str]:
    for component, workload in found.workloads():
        selector = workload["spec"].get("selector")
        if selector and _selected(selector, found) != {component}:
            yield f"{component}: its selector selects other pods"
    budgets = {
        each["metadata"]["name"]: each["spec"]["selector"]
        for each in found.all("PodDisruptionBudget")
    }
    for name in RUNNING:
        if _selected(budgets[f"paymentapp-{name}"], found) != {name}:
            yield f"{name}: its disruption budget is for other pods"
    service = found.one("Service", "paymentapp")["spec"]
    if _selected({"matchLabels": service["selector"]}, found) != {"web"}:
        yield "the service selects other pods than those of web"
    (container,) = pod(found.one("Deployment", "paymentapp-web"))["containers"]
    if {each["targetPort"] for each in service["ports"]} != {
        each["name"] for each in container["ports"]
    }:
        yield "the service sends to another port"


def _network(found: Found) -> Iterator[str]:
    policies = {each["metadata"]["name"]: each["spec"] for each in found.all("NetworkPolicy")}
    everything = policies.get("nothing-else", {})
    if everything != {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}:
        yield "what no policy names is not refused"
    for name, spec in policies.items():
        if not _selected(spec["podSelector"], found):
            yield f"{name}: it selects no pod"
        for block in (
            to["ipBlock"]
            for way in spec.get("egress", [])
            for to in way.get("to", [])
            if "ipBlock" in to
        ):
            if LINK_LOCAL not in block["except"]:
                yield f"{name}: the credentials of the cloud can be read"
    if _selected(policies["callers-to-web"]["podSelector"], found) != {"web"}:
        yield "callers reach other pods than those of web"


def _front(found: Found) -> Iterator[str]:
    ingress = found.one("Ingress", "paymentapp")["spec"]
    encrypted = {host for each in ingress["tls"] for host in each["hosts"]}
    for rule in ingress["rules"]:
        if rule.get("host") not in encrypted:
            yield f"{rule.get('host')} has no certificate"


def _namespace(found: Found) -> Iterator[str]:
    labels = found.one("Namespace", "paymentapp")["metadata"]["labels"]
    if labels.get("pod-security.kubernetes.io/enforce") != "restricted":
        yield "the namespace lets pods in that are not restricted"
    for each in found.all("Secret"):
        yield f"{each['metadata']['name']}: a secret is in the manifests"
