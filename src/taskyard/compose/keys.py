"""The keys of a Compose file: those that Taskyard reads, and those that only Compose knows."""

from __future__ import annotations


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


SERVICE = _names(
    "build cap_drop command configs container_name depends_on deploy develop entrypoint env_file "
    "environment expose healthcheck image init labels links logging networks ports profiles "
    "read_only restart scale secrets security_opt shm_size stop_grace_period stop_signal tmpfs "
    "user volumes working_dir"
)
"""The keys of a service that Taskyard reads or checks."""

SERVICE_NOT_READ = _names(
    "annotations attach blkio_config cap_add cgroup cgroup_parent cpu_count cpu_percent "
    "cpu_period cpu_quota cpu_rt_period cpu_rt_runtime cpu_shares cpus cpuset credential_spec "
    "device_cgroup_rules devices dns dns_opt dns_search domainname extends external_links "
    "extra_hosts gpus group_add hostname ipc isolation label_file mac_address mem_limit "
    "mem_reservation mem_swappiness memswap_limit models network_mode oom_kill_disable "
    "oom_score_adj pid pids_limit platform post_start pre_stop privileged provider pull_policy "
    "runtime stdin_open storage_opt sysctls tty ulimits "
    "use_api_socket userns_mode uts volumes_from"
)
"""The other keys of a service in Compose. Source: Compose specification, `services`."""

BUILD = _names("context dockerfile target args")
BUILD_NOT_READ = _names(
    "additional_contexts cache_from cache_to dockerfile_inline entitlements extra_hosts isolation "
    "labels network no_cache platforms privileged provenance pull sbom secrets shm_size ssh tags "
    "ulimits"
)

SERVICE_NETWORK = _names("aliases")
SERVICE_NETWORK_NOT_READ = _names(
    "driver_opts gw_priority interface_name ipv4_address ipv6_address link_local_ips mac_address "
    "priority"
)

EXAMPLES = {
    "args": '`args: {VERSION: "3.12"}`',
    "build": "`build: .`",
    "command": "`command: python app.py`",
    "configs": "`configs: [settings]`",
    "depends_on": "`depends_on: [redis]`",
    "deploy": "`deploy: {replicas: 3}`",
    "entrypoint": '`entrypoint: ["python", "app.py"]`',
    "env_file": "`env_file: worker.env`",
    "environment": "`environment: {LEVEL: debug}`",
    "expose": '`expose: ["8000"]`',
    "healthcheck": '`healthcheck: {test: ["CMD", "redis-cli", "ping"]}`',
    "image": "`image: redis:8-alpine`",
    "labels": "`labels: {team: shop}`",
    "links": "`links: [redis]`",
    "networks": "`networks: [back]`",
    "placement": '`placement: {constraints: ["node.role==worker"]}`',
    "ports": '`ports: ["8000:8000"]`',
    "profiles": "`profiles: [debug]`",
    "resources": "`resources: {limits: {memory: 512M}}`",
    "secrets": "`secrets: [token]`",
    "services": "`services: {redis: {image: redis:8-alpine}}`",
    "test": '`test: ["CMD", "redis-cli", "ping"]`',
    "tmpfs": "`tmpfs: [/run]`",
    "update_config": "`update_config: {parallelism: 1}`",
    "volumes": '`volumes: ["./data:/data"]`',
    "watch": "`watch: [{path: ., action: rebuild}]`",
}
"""An example of each key with a value, for hints."""
