// Legends: swatches with names, and the scale of scores.

/** Names with the colours of their series. */
function swatches(series) {
  const legend = element("div", { class: "legend" });
  for (const { name, color } of series) {
    const mark = d3.create("svg").attr("width", 12).attr("height", 12).attr("aria-hidden", true);
    mark.append("rect").attr("width", 12).attr("height", 12).attr("rx", 3).attr("fill", color);
    legend.append(element("span", {}, mark.node(), name));
  }
  return legend;
}

/** Colour by score, over the scores that there are. */
function scoreScale() {
  const [low = 0, high = 1] = d3.extent(data.agents.map(share).filter((s) => s !== null));
  return d3.scaleSequential([low, high === low ? low + 0.01 : high], d3.interpolateViridis);
}

/** What the shapes and colours of the tree mean. */
function treeLegend(color) {
  const [low, high] = color.domain();
  const ramp = d3.create("svg").attr("width", 96).attr("height", 12).attr("aria-hidden", true);
  ramp
    .selectAll("rect")
    .data(d3.range(24))
    .join("rect")
    .attr("x", (i) => 4 * i)
    .attr("width", 4.2)
    .attr("height", 12)
    .attr("fill", (i) => color(low + ((high - low) * i) / 23));
  const scale = element("span", {}, percent(low), ramp.node(), percent(high), " solved");
  const shapes = [
    ["★ champion", "var(--champion)"],
    ["○ was champion", "var(--champion)"],
    ["◆ rolled back", "var(--muted)"],
    ["✕ quarantined", "var(--muted)"],
  ].map(([name, ink]) => {
    const label = element("span", {}, name);
    label.style.color = ink;
    return label;
  });
  return [scale, ...shapes];
}
