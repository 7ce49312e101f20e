// Where the agents of the tree stand: x by generation, y so that no two of a generation collide.

const COLUMN = 138;
const ROW = 28;
const MARGIN = { top: 42, right: 120, bottom: 16, left: 24 };

/** The tree of first parents, as d3 has it; every node remembers all of its children. */
function forest() {
  const root = d3.stratify().id((agent) => agent.id).parentId((agent) => agent.parents[0])(data.agents);
  root.each((node) => {
    node.all = node.children ?? [];
    node.hiding = node.descendants().length - 1;
  });
  return root;
}

/** Give every visible node its place; the size of the drawing. */
function place(root) {
  d3.tree().nodeSize([ROW, 1]).separation(() => 1)(root);
  const nodes = root.descendants();
  const top = d3.min(nodes, (node) => node.x);
  for (const node of nodes) {
    node.row = MARGIN.top + node.x - top;
    node.column = MARGIN.left + node.data.generation * COLUMN;
  }
  const width = d3.max(nodes, (node) => node.column) + MARGIN.right;
  return { nodes, width, height: d3.max(nodes, (node) => node.row) + MARGIN.bottom };
}

/** A line from a parent to a child. */
function curve(parent, child) {
  const middle = (parent.column + child.column) / 2;
  return `M${parent.column},${parent.row}C${middle},${parent.row} ${middle},${child.row} ${child.column},${child.row}`;
}

/** Edges between visible agents: from the first parent, and from further ones. */
function edges(nodes, line) {
  const visible = new Map(nodes.map((node) => [node.id, node]));
  return nodes.flatMap((child) =>
    child.data.parents.flatMap((id, index) => {
      const parent = visible.get(id);
      if (!parent || child.data.parents.indexOf(id) < index) return [];
      const marked = line.has(id) && line.has(child.id);
      return [{ parent, child, kind: ["edge", index ? "second" : "", marked ? "line" : ""].join(" ") }];
    }),
  );
}
