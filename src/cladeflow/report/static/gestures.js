// What an agent of the tree tells when it is selected, and how mouse and keyboard move in the tree.

/** What is known of an agent, as a list of terms. */
function details(agent) {
  const rows = [
    ["agent", agent.id],
    ["generation", `${agent.generation}, child ${agent.child}`],
    ["status", agent.status.replace("_", " ")],
    ["solved", solved(agent)],
    ["clade solved", `${agent.clade_ok} of ${agent.clade_ok + agent.clade_fail}`],
    ["parents", agent.parents.length ? agent.parents.map(agentButton) : "none: the start"],
    ["children", agent.children],
    ["decision", agent.decided ? `${agent.decided.outcome}. ${agent.decided.why}` : "none"],
    ["created", agent.created.slice(0, 16).replace("T", " ") + " UTC"],
  ];
  const list = element("dl");
  for (const [term, value] of rows)
    list.append(element("dt", {}, term), element("dd", {}, ...[value].flat().map((v) => v ?? "")));
  return [list];
}

function agentButton(id) {
  const button = element("button", { type: "button", class: "agent", "data-agent": id }, short(id));
  return element("span", {}, button, " ");
}

Tree.prototype.listen = function () {
  this.svg.on("click", (event) => this.clicked(event.target.closest(".node")));
  this.svg.on("keydown", (event) => this.pressed(event));
  this.canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    this.zoomTo(this.zoom * (event.deltaY < 0 ? ZOOM.step : 1 / ZOOM.step));
  }, { passive: false });
  this.drag();
};

/** A click selects; on the agent that is selected already, or that is closed, it opens or closes. */
Tree.prototype.clicked = function (target) {
  if (!target) return;
  const node = this.find(target.dataset.agent);
  if (node === this.chosen || !node.children) this.toggle(node, !node.children);
  this.select(node);
};

/** Arrow keys as in any tree. */
Tree.prototype.pressed = function (event) {
  const node = this.chosen;
  const at = this.visible.indexOf(node);
  const moves = {
    ArrowDown: () => this.visible[at + 1],
    ArrowUp: () => this.visible[at - 1],
    Home: () => this.visible[0],
    End: () => this.visible.at(-1),
    ArrowRight: () => (node.all.length && !node.children ? (this.toggle(node, true), node) : node.all[0]),
    ArrowLeft: () => (node.children ? (this.toggle(node, false), node) : node.parent),
    Enter: () => (this.toggle(node, !node.children), node),
    " ": () => (this.toggle(node, !node.children), node),
  };
  if (!(event.key in moves)) return;
  event.preventDefault();
  const next = moves[event.key]();
  if (next) this.select(next);
};

/** The mouse drags the drawing; fingers scroll it as they scroll anything. */
Tree.prototype.drag = function () {
  let from = null;
  this.canvas.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "mouse" || event.button || event.target.closest(".node")) return;
    from = { x: event.clientX + this.canvas.scrollLeft, y: event.clientY + this.canvas.scrollTop };
    this.canvas.classList.add("dragging");
  });
  window.addEventListener("pointermove", (event) => {
    if (from) this.canvas.scrollTo({ left: from.x - event.clientX, top: from.y - event.clientY, behavior: "instant" });
  });
  window.addEventListener("pointerup", () => {
    from = null;
    this.canvas.classList.remove("dragging");
  });
};
