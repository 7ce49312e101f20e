// Puts the page together: the tree and its controls, the charts, and what redraws them.

function controls(tree) {
  const actions = {
    expand: () => (tree.expand(), tree.draw(), tree.fit()),
    collapse: () => (tree.collapse(), tree.draw(), tree.fit(READABLE), tree.select(tree.find(data.champion), { focus: false })),
    in: () => tree.zoomTo(tree.zoom * ZOOM.step),
    out: () => tree.zoomTo(tree.zoom / ZOOM.step),
    fit: () => tree.fit(),
  };
  for (const [name, act] of Object.entries(actions))
    document.querySelector(`[data-tree="${name}"]`).addEventListener("click", act);
  document.getElementById("find").addEventListener("input", (event) => {
    const start = event.target.value.trim().toLowerCase();
    const found = start && tree.nodes().find((node) => node.id.startsWith(start));
    event.target.setAttribute("aria-invalid", Boolean(start && !found));
    if (found) tree.select(found, { focus: false });
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button.agent");
    const node = button && tree.find(button.dataset.agent);
    if (!node) return;
    tree.select(node);
    tree.canvas.scrollIntoView({ block: "nearest" });
  });
}

function drawCharts() {
  drawScores(document.getElementById("family").value);
  drawRollouts();
  drawCosts();
}

function families() {
  const choice = document.getElementById("family");
  const names = new Set(["all", ...data.evaluated.flatMap((one) => Object.keys(one.scores))]);
  for (const name of names) choice.append(element("option", { value: name }, name));
  choice.closest(".tools").hidden = names.size < 3;
  choice.addEventListener("change", () => drawScores(choice.value));
}

const tree = new Tree(document.getElementById("tree"), document.getElementById("selected"));
document.getElementById("legend").append(...treeLegend(tree.color));
controls(tree);
families();
drawCharts();
let redraw = 0;
window.addEventListener("resize", () => {
  clearTimeout(redraw);
  redraw = setTimeout(drawCharts, 150);
});
