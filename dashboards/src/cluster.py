"""What a cluster gives an evolution: GPUs, queues, pods, and vLLM's own view of itself."""

from dashboards.src.board import Board, Panel, Query, Row


def _quantile(metric: str) -> Query:
    rate = f"sum by (le, model_name) (rate({metric}_bucket[5m]))"
    return Query(f"histogram_quantile(0.95, {rate})", "{{model_name}}, 95 %")


CLUSTER = Board(
    "cladeflow-cluster",
    "Cladeflow / Cluster",
    "GPUs (DCGM exporter), queues (Kueue), pods (kube-state-metrics), vLLM and stages at work.",
    (
        Row(
            "GPUs",
            (
                Panel(
                    "GPU use", "Utilisation by GPU, from the DCGM exporter.",
                    (Query("DCGM_FI_DEV_GPU_UTIL", "{{Hostname}} GPU {{gpu}}"),), unit="percent",
                ),
                Panel(
                    "GPU memory", "Framebuffer in use by GPU, from the DCGM exporter.",
                    (Query("DCGM_FI_DEV_FB_USED", "{{Hostname}} GPU {{gpu}}"),), unit="decmbytes",
                ),
                Panel(
                    "Queue", "Workloads that wait for admission and that are admitted, by cluster "
                    "queue, from Kueue.",
                    (
                        Query(
                            "sum by (cluster_queue) (kueue_pending_workloads)",
                            "{{cluster_queue}} waiting",
                        ),
                        Query(
                            "sum by (cluster_queue) (kueue_admitted_active_workloads)",
                            "{{cluster_queue}} admitted",
                        ),
                    ),
                ),
            ),
        ),
        Row(
            "Pods",
            (
                Panel(
                    "Pods by stage",
                    "Pods by Cladeflow stage and phase. kube-state-metrics shows the label with "
                    "--metric-labels-allowlist=pods=[cladeflow/stage].",
                    (
                        Query(
                            "sum by (label_cladeflow_stage, phase) ("
                            "(kube_pod_status_phase == 1) * on (namespace, pod) group_left "
                            '(label_cladeflow_stage) kube_pod_labels{label_cladeflow_stage!=""})',
                            "{{label_cladeflow_stage}}: {{phase}}",
                        ),
                    ), width=12,
                ),
                Panel(
                    "Stages at work", "Items done of the items of a stage, as its process says "
                    "(evolve --live).",
                    (
                        Query(
                            "cladeflow_live_done_items / cladeflow_live_planned_items",
                            "{{stage}}",
                        ),
                    ), unit="percentunit", width=12,
                ),
            ),
        ),
        Row(
            "vLLM",
            (
                Panel(
                    "Requests", "Requests that vLLM runs, and that wait.",
                    (
                        Query("vllm:num_requests_running", "{{model_name}} running"),
                        Query("vllm:num_requests_waiting", "{{model_name}} waiting"),
                    ),
                ),
                Panel(
                    "KV cache", "Share of vLLM's key-value cache in use.",
                    (Query("vllm:kv_cache_usage_perc", "{{model_name}}"),), unit="percentunit",
                ),
                Panel(
                    "Tokens per second", "Prompt and generated tokens.",
                    (
                        Query("rate(vllm:prompt_tokens_total[5m])", "{{model_name}} prompt"),
                        Query("rate(vllm:generation_tokens_total[5m])", "{{model_name}} generated"),
                    ),
                ),
                Panel(
                    "Time to the first token", "The 95th percentile.",
                    (_quantile("vllm:time_to_first_token_seconds"),), unit="s",
                ),
                Panel(
                    "Request latency", "The 95th percentile, from arrival to the last token.",
                    (_quantile("vllm:e2e_request_latency_seconds"),), unit="s",
                ),
            ),
        ),
    ),
    of_evolution=False,
)  # fmt: skip
