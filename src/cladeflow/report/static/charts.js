// The charts by generation, drawn with Observable Plot.

const STAGES = [
  "plan", "task_synthesis", "rollout", "critique", "verification", "fine_tune", "evaluate",
  "promote",
];
const STAGE_COLORS = ["s7", "s5", "s1", "s6", "s3", "s2", "s4", "s8"].map((s) => `var(--${s})`);
const HEIGHT = 240;

/** Put a chart into a figure, in place of the one that was there; `null` hides the figure. */
function show(id, options, series = []) {
  const figure = document.getElementById(id);
  if (!figure) return;
  figure.hidden = options === null;
  if (figure.hidden) return;
  const width = Math.max(300, figure.clientWidth || 460);
  const chart = Plot.plot({ width, height: HEIGHT, marginLeft: 44, ...options });
  chart.setAttribute("role", "img");
  chart.querySelectorAll("style").forEach((style) => style.remove()); // report.css has its rules
  figure.querySelectorAll("svg, .legend").forEach((old) => old.remove());
  figure.append(chart, ...(series.length ? [swatches(series)] : []));
}

/** The axis of generations: whole numbers only, few enough to be read. */
function generations(first = 0) {
  const ticks = d3.ticks(first, Math.max(1, data.generations), 8).filter(Number.isInteger);
  return { label: "generation", domain: [first - 0.4, data.generations + 0.4], ticks, tickFormat: "d" };
}

/** A metric of every agent in a family; a first attempt's share where no report is at hand. */
function measured(metric, family) {
  return data.agents.flatMap((agent) => {
    const scores = reports.get(agent.id)?.[family] ?? {};
    const name = Object.keys(scores).find((key) => key.startsWith(metric));
    const fallback = metric === "greedy" && family === "all" && !name && share(agent) !== null;
    const score = name ? scores[name] : fallback ? { value: share(agent), n: trials(agent) } : null;
    return score ? [{ agent, name: name ?? metric, generation: agent.generation, ...score }] : [];
  });
}

/** The same of the champion in charge after each generation. */
function reigning(points) {
  const of = new Map(points.map((point) => [point.agent.id, point]));
  return data.reigning.flatMap((id, generation) => (of.has(id) ? [{ ...of.get(id), generation }] : []));
}

function described(point) {
  const interval = point.lo === undefined ? "" : `, ${percent(point.lo)} to ${percent(point.hi)}`;
  return `${short(point.agent.id)}\n${point.name} ${percent(point.value)}${interval}\n${point.n} tasks`;
}

/** Band and line of the champion, interval and dot of every agent. */
function scoreMarks(points, color) {
  const line = reigning(points);
  const bounded = (some) => some.filter((point) => point.lo !== undefined);
  const at = { x: "generation", y: "value" };
  const interval = { x: "generation", y1: "lo", y2: "hi" };
  return [
    Plot.areaY(bounded(line), { ...interval, fill: color, fillOpacity: 0.14 }),
    Plot.lineY(line, { ...at, stroke: color, strokeWidth: 2 }),
    Plot.ruleX(bounded(points), { ...interval, stroke: color, strokeOpacity: 0.55 }),
    Plot.dot(points, {
      ...at, r: 3.5, stroke: color, fill: (point) => (promoted(point.agent) ? color : "var(--surface)"),
    }),
    Plot.tip(points, Plot.pointer({ ...at, title: described })),
  ];
}

function scoreChart(id, family, series) {
  const drawn = series
    .map((one) => ({ ...one, points: measured(one.metric, family) }))
    .filter((one) => one.points.length);
  const options = {
    x: generations(),
    y: { label: "solved, %", percent: true, grid: true, zero: true, nice: true },
    ariaLabel: `${drawn.map((one) => one.name).join(" and ")} by generation`,
    marks: [Plot.ruleY([0]), ...drawn.flatMap((one) => scoreMarks(one.points, one.color))],
  };
  show(id, drawn.length ? options : null, drawn);
}

function drawScores(family) {
  scoreChart("accuracy", family, [
    { metric: "sampled", name: "sampled", color: "var(--s1)" },
    { metric: "greedy", name: "greedy", color: "var(--s2)" },
  ]);
  scoreChart("coverage", family, [{ metric: "pass@", name: "pass@k", color: "var(--s3)" }]);
}

/** A measure of every child's rollouts, by its name or by how that begins. */
function explored(series) {
  return data.agents.flatMap((agent) => {
    const name = Object.keys(agent.exploration).find((key) => key.startsWith(series.measure));
    return name ? [{ ...series, agent, generation: agent.generation, ...agent.exploration[name] }] : [];
  });
}

/** Measures of the rollouts: a dot for each child, line and band through the generations' means. */
function rolloutChart(id, series, y, write) {
  const drawn = series.map((one) => ({ ...one, points: explored(one) })).filter((one) => one.points.length);
  const points = drawn.flatMap((one) => one.points);
  const bounded = points.filter((point) => point.lo !== null);
  const at = { x: "generation", y: "value", stroke: "color" };
  const interval = { x: "generation", y1: "lo", y2: "hi" };
  const title = (p) =>
    `${short(p.agent.id)}\n${p.name} ${write(p.value)}` +
    (p.lo === null ? "" : `, ${write(p.lo)} to ${write(p.hi)}\n${p.n} tasks`);
  const options = {
    x: generations(),
    y: { grid: true, zero: true, nice: true, ...y },
    color: { type: "identity" },
    ariaLabel: `${drawn.map((one) => one.name).join(", ")} by generation`,
    marks: [
      Plot.ruleY([0]),
      Plot.areaY(bounded, Plot.groupX(
        { y1: "mean", y2: "mean" }, { ...interval, z: "name", fill: "color", fillOpacity: 0.14 },
      )),
      Plot.lineY(points, Plot.groupX({ y: "mean" }, { ...at, z: "name", strokeWidth: 2 })),
      Plot.ruleX(bounded, { ...interval, stroke: "color", strokeOpacity: 0.55 }),
      Plot.dot(points, { ...at, r: 2.5 }),
      Plot.tip(points, Plot.pointer({ x: "generation", y: "value", title })),
    ],
  };
  show(id, points.length ? options : null, drawn.length > 1 ? drawn : []);
}

function drawRollouts() {
  const number = (value) => value.toFixed(3);
  rolloutChart("diversity", [{ measure: "distinct_correct", name: "distinct right", color: "var(--s4)" }], {
    label: "per task",
  }, number);
  rolloutChart("entropy", [{ measure: "entropy", name: "entropy", color: "var(--s7)" }], {
    label: "nats per token",
  }, number);
  const shares = { label: "share, %", percent: true };
  rolloutChart("exploration", [
    { measure: "positive_rate", name: "right", color: "var(--s8)" },
    { measure: "pass@", name: "pass@k less pass@1", color: "var(--s1)" },
    { measure: "duplicates", name: "duplicates", color: "var(--s5)" },
  ], shares, percent);
  rolloutChart("agreement", [
    { measure: "all_right", name: "tasks all right", color: "var(--s3)" },
    { measure: "all_wrong", name: "tasks all wrong", color: "var(--s6)" },
  ], shares, percent);
}

/** Bars that add up, one series on the other. */
function stack(id, rows, series, label, write, ticks = "~s") {
  const options = {
    x: generations(1),
    y: { label, grid: true, tickFormat: ticks },
    color: { type: "identity" },
    ariaLabel: `${label} by generation: ${series.map((one) => one.name).join(", ")}`,
    marks: [
      Plot.rectY(rows, Plot.stackY({
        x1: (row) => row.generation - 0.36, x2: (row) => row.generation + 0.36, y: "value", fill: "color",
        order: series.map((one) => one.color), z: "color", tip: true,
        channels: { stage: "name" }, title: (row) => `${row.name}\n${write(row.value)}`,
      })),
      Plot.ruleY([0]),
    ],
  };
  show(id, rows.length ? options : null, series);
}

/** What every stage of every generation spent, stage on stage. */
function stackStages(id, spent, label, write, ticks) {
  const color = d3.scaleOrdinal(STAGES, STAGE_COLORS);
  const present = STAGES.filter((stage) => data.costs.some((cost) => cost.stage === stage));
  const rows = data.costs.map((cost) => ({
    generation: cost.generation, name: cost.stage, value: spent(cost), color: color(cost.stage),
  }));
  stack(id, rows, present.map((name) => ({ name, color: color(name) })), label, write, ticks);
}

function drawCosts() {
  const count = (unit) => (value) => `${value.toLocaleString("en")} ${unit}`;
  stackStages("seconds", (cost) => cost.seconds, "seconds", count("s"));
  stackStages("dollars", (cost) => d3.sum(Object.values(cost.dollars)), "dollars", d3.format("$.3r"), "$~r");
  const kinds = [
    { name: "sampled", field: "generated", color: "var(--s1)" },
    { name: "trained", field: "trained", color: "var(--s2)" },
  ];
  const totals = d3.rollups(data.costs, (costs) => costs, (cost) => cost.generation);
  const tokens = totals.flatMap(([generation, costs]) =>
    kinds.map((kind) => ({ generation, ...kind, value: d3.sum(costs, (cost) => cost[kind.field]) })),
  );
  stack("tokens", tokens, kinds, "tokens", count("tokens"));
}
