"""From a board to Grafana's JSON."""

from grafana_foundation_sdk.builders import bargauge, heatmap, prometheus, stat, timeseries
from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards.src.board import Board, Panel, Query

TAG = "cladeflow"
SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
_KINDS = {
    "timeseries": timeseries.Panel,
    "stat": stat.Panel,
    "bars": bargauge.Panel,
    "heatmap": heatmap.Panel,
}
_HEIGHTS = {"timeseries": 8, "stat": 4, "bars": 8, "heatmap": 8}
_SERVICES = {
    "mlflow": ("MLflow", "http://localhost:5000"),
    "kfp": ("Kubeflow Pipelines", "http://localhost:8080"),
}
"""Links by variable: where these services are differs from place to place."""


def to_json(board: Board) -> str:
    """The dashboard as Grafana imports it."""
    return JSONEncoder(sort_keys=True, indent=2).encode(_dashboard(board).build()) + "\n"


def _dashboard(board: Board) -> builders.Dashboard:
    made = (
        builders.Dashboard(board.title)
        .uid(board.uid)
        .description(board.description)
        .tags([TAG])
        .refresh("30s")
        .time("now-6h", "now")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .with_variable(
            builders.DatasourceVariable("datasource").label("Prometheus").type("prometheus")
        )
        .link(_others())
    )
    if board.of_evolution:
        made.with_variable(_evolution())
    for name, (title, default) in _SERVICES.items():
        made.with_variable(
            builders.TextBoxVariable(name).label(f"{title} at").default_value(default)
        )
        made.link(_service(name, title))
    for row in board.rows:
        made.with_row(builders.Row(row.title))
        for panel in row.panels:
            made.with_panel(_panel(panel))
    return made


def _evolution() -> builders.QueryVariable:
    return (
        builders.QueryVariable("evolution")
        .label("Evolution")
        .query("label_values(cladeflow_finished_generations, evolution)")
        .datasource(SOURCE)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(models.VariableOption(selected=True, text="All", value="$__all"))
    )


def _others() -> builders.DashboardLink:
    return (
        builders.DashboardLink("Cladeflow")
        .type(models.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(True)
        .include_vars(True)
        .keep_time(True)
    )


def _service(name: str, title: str) -> builders.DashboardLink:
    return (
        builders.DashboardLink(title)
        .type(models.DashboardLinkType.LINK)
        .url(f"${{{name}}}")
        .tooltip(f"Set the variable {name} to where it is")
        .target_blank(True)
    )


def _panel(panel: Panel) -> builders.Panel:
    made = (
        _KINDS[panel.kind]()
        .title(panel.title)
        .description(panel.description)
        .datasource(SOURCE)
        .unit(panel.unit)
        .span(panel.width)
        .height(_HEIGHTS[panel.kind])
    )
    if panel.kind in ("stat", "bars"):
        made.reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]))
    if panel.kind == "timeseries":
        made.show_points(common.VisibilityMode.AUTO)
        made.line_interpolation(common.LineInterpolation.STEP_AFTER)
    for index, query in enumerate(panel.queries):
        made.with_target(_target(query, index, panel))
    return made


def _target(query: Query, index: int, panel: Panel) -> prometheus.Dataquery:
    made = prometheus.Dataquery().expr(query.expr).ref_id(chr(ord("A") + index))
    if query.legend:
        made.legend_format(query.legend)
    if panel.kind == "heatmap":
        made.format(PromQueryFormat.HEATMAP)
    return made.instant() if panel.kind in ("stat", "bars") else made.range()
