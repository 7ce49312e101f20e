// The tree of agents: opened and closed by click and keyboard, zoomed, searched.

const FEW = 60; // agents that may all be open from the start
const READABLE = 0.9; // the least zoom at which labels are comfortable to read
const ZOOM = { least: 0.05, most: 3, step: 1.25, words: 0.55 }; // below `words`, labels are left out

class Tree {
  constructor(canvas, panel) {
    this.canvas = canvas;
    this.panel = panel;
    this.root = forest();
    this.line = new Set(data.line);
    this.reigned = new Set(data.champions.map((change) => change.after));
    this.color = scoreScale();
    this.zoom = 1;
    this.svg = d3.select(canvas).append("svg").attr("role", "tree").attr("aria-label", "Lineage of the agents");
    for (const layer of ["axis", "edges", "nodes"]) this.svg.append("g").attr("class", layer);
    if (data.agents.length > FEW) this.collapse();
    this.chosen = this.find(data.champion);
    this.draw();
    this.fit(READABLE);
    this.listen();
    canvas.style.scrollBehavior = "auto"; // a page opens where it should be
    this.select(this.chosen, { focus: false });
    canvas.style.scrollBehavior = "";
  }

  nodes() {
    const all = [];
    const visit = (node) => { all.push(node); node.all.forEach(visit); };
    visit(this.root);
    return all;
  }

  find(id) {
    return this.nodes().find((node) => node.id === id);
  }

  /** Open or close one agent. */
  toggle(node, open) {
    node.children = open && node.all.length ? node.all : undefined;
  }

  expand() {
    this.nodes().forEach((node) => this.toggle(node, true));
  }

  collapse() {
    this.nodes().forEach((node) => this.toggle(node, this.line.has(node.id)));
  }

  /** Open whatever hides a node. */
  reveal(node) {
    node.ancestors().slice(1).forEach((above) => this.toggle(above, true));
  }

  draw() {
    const { nodes, width, height } = place(this.root);
    this.visible = nodes.sort((a, b) => a.row - b.row || a.column - b.column);
    this.size = { width, height };
    this.svg.attr("viewBox", `0 0 ${width} ${height}`);
    this.drawAxis(nodes);
    this.resize();
    this.svg.select(".edges").selectAll("path").data(edges(nodes, this.line)).join("path")
      .attr("class", (edge) => edge.kind)
      .attr("d", (edge) => curve(edge.parent, edge.child));
    const drawn = this.svg.select(".nodes").selectAll("g").data(this.visible, (node) => node.id);
    drawn.exit().remove();
    drawn.enter().append("g").call((fresh) => this.enter(fresh)).merge(drawn).order().call((some) => this.update(some));
  }

  drawAxis(nodes) {
    const last = d3.max(nodes, (node) => node.data.generation);
    this.svg.select(".axis").selectAll("text").data(d3.range(last + 1)).join("text")
      .attr("x", (generation) => MARGIN.left + generation * COLUMN)
      .attr("y", 4)
      .attr("text-anchor", "middle")
      .text((generation) => (generation ? generation : "start"));
  }

  enter(fresh) {
    fresh.attr("role", "treeitem").attr("data-agent", (node) => node.id);
    fresh.append("circle").attr("class", "halo").attr("r", 11);
    fresh.append("path").attr("class", "dot").attr("d", (node) => this.symbol(node.data));
    fresh.append("text").attr("x", 9).attr("y", -8);
    const label = fresh.select("text");
    label.append("tspan").text((node) => `${node.id.slice(0, 7)} `);
    label.append("tspan").attr("class", "share")
      .text((node) => (share(node.data) === null ? "" : `${Math.round(100 * share(node.data))} %`));
    label.append("tspan").attr("class", "hidden");
  }

  symbol(agent) {
    if (agent.id === data.champion) return d3.symbol(d3.symbolStar, 200)();
    if (agent.status === "rolled_back") return d3.symbol(d3.symbolDiamond2, 90)();
    if (agent.status === "quarantined") return d3.symbol(d3.symbolTimes, 90)();
    return d3.symbol(d3.symbolCircle, 95)();
  }

  update(some) {
    const reigned = (id) => this.reigned.has(id) || id === data.champion || id === data.reigning[0];
    some
      .attr("class", ({ id, data: agent }) =>
        ["node", reigned(id) ? "reigned" : "", share(agent) === null ? "unknown" : ""].join(" "))
      .attr("transform", (node) => `translate(${node.column},${node.row})`)
      .attr("tabindex", (node) => (node === this.chosen ? 0 : -1))
      .attr("aria-selected", (node) => node === this.chosen)
      .attr("aria-level", (node) => node.depth + 1)
      .attr("aria-expanded", (node) => (node.all.length ? Boolean(node.children) : null))
      .attr("aria-label", (node) => this.describe(node));
    some.select(".dot").attr("fill", ({ data: agent }) =>
      share(agent) === null ? null : this.color(share(agent)));
    some.select(".hidden").text((node) => (node.all.length && !node.children ? ` +${node.hiding}` : ""));
  }

  describe({ id, data: agent, hiding }) {
    const rank = id === data.champion ? "champion, " : this.line.has(id) ? "in the champion's line, " : "";
    return `Agent ${id.slice(0, 7)}, generation ${agent.generation}, ${rank}${agent.status.replace("_", " ")}, ` +
      `solved ${solved(agent)}, ${hiding} descendants`;
  }

  /** Make an agent the one that the panel shows and the keyboard moves from. */
  select(node, { focus = true } = {}) {
    this.reveal(node);
    this.chosen = node;
    this.draw();
    this.panel.replaceChildren(...details(node.data));
    const drawn = this.svg.selectAll(".node").filter((other) => other === node).node();
    if (focus) drawn.focus({ preventScroll: true });
    this.center(node);
  }

  /** Scroll the drawing, and nothing but it, to a node that is out of sight. */
  center(node) {
    const [x, y] = [node.column * this.zoom, node.row * this.zoom];
    const box = this.canvas;
    if (x < box.scrollLeft + 20 || x > box.scrollLeft + box.clientWidth - 100)
      box.scrollLeft = x - box.clientWidth / 2;
    if (y < box.scrollTop + 20 || y > box.scrollTop + box.clientHeight - 20)
      box.scrollTop = y - box.clientHeight / 2;
  }

  resize() {
    const dot = Math.max(1, ZOOM.words / this.zoom);
    const every = Math.ceil((40 * dot) / COLUMN); // generations that have room for their number
    this.svg.selectAll(".axis text").attr("display", (generation) => (generation % every ? "none" : null));
    this.svg
      .attr("width", this.size.width * this.zoom)
      .attr("height", this.size.height * this.zoom)
      .classed("far", this.zoom < ZOOM.words)
      .style("--dot", dot);
  }

  zoomTo(zoom) {
    this.zoom = Math.min(ZOOM.most, Math.max(ZOOM.least, zoom));
    this.resize();
    this.center(this.chosen);
  }

  /** As large as the frame shows whole, but never below `least`. */
  fit(least = ZOOM.least) {
    const limit = 0.95 * parseFloat(getComputedStyle(this.canvas).maxHeight);
    const whole = Math.min(this.canvas.clientWidth / this.size.width, limit / this.size.height, 1);
    this.zoomTo(Math.max(least, whole));
  }
}
