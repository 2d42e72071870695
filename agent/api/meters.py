"""What is counted for /metrics, in a registry of this server's own."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class Meters:
    """Counters of this process; gauges that are read from the database when they are asked for."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "yingma_requests", "Requests by method, route and status.", ["method", "route", "status"], registry=registry
        )
        self.seconds = Histogram(
            "yingma_request_seconds", "Time to the first byte.", ["route"], registry=registry, buckets=SECONDS
        )
        self.names = Counter(
            "yingma_names",
            "Names answered by the API, by route and by what answered.",
            ["route", "by"],
            registry=registry,
        )
        self.clusters = Gauge("yingma_clusters", "Clusters by status.", ["status"], registry=registry)
        self.cluster_names = Gauge(
            "yingma_cluster_names", "Names in clusters, by status.", ["status"], registry=registry
        )
        self.cluster_exams = Gauge(
            "yingma_cluster_exams", "Exams in clusters, by status.", ["status"], registry=registry
        )
        self.decisions = Gauge(
            "yingma_decisions", "Decisions in the database, by action.", ["action"], registry=registry
        )
        self.jobs = Gauge("yingma_jobs", "Jobs by state.", ["state"], registry=registry)

    def text(self) -> bytes:
        """All of it as Prometheus reads it."""
        return generate_latest(self.registry)
