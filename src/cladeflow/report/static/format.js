// What everything on the page shares: the data, how numbers are written, how elements are made.

const data = JSON.parse(document.getElementById("data").textContent);
const agents = new Map(data.agents.map((agent) => [agent.id, agent]));

const short = (id) => id.slice(0, 12);
const percent = (share) => `${(100 * share).toFixed(1)} %`;
const trials = (agent) => agent.ok + agent.fail;
const reports = new Map(data.evaluated.map((one) => [one.agent, one.scores]));
/**
 * Share of the held-out tasks that an agent solved at the first attempt; null where none is known.
 * The archive counts the children's; the start, which was nobody's child, has its report alone.
 */
const share = (agent) =>
  trials(agent) ? agent.ok / trials(agent) : reports.get(agent.id)?.all?.greedy?.value ?? null;

function solved(agent) {
  if (share(agent) === null) return "not evaluated";
  return trials(agent) ? `${agent.ok} of ${trials(agent)} (${percent(share(agent))})` : percent(share(agent));
}

const promoted = (agent) => agent.decided?.outcome === "promoted";

/** An HTML element with attributes and children; text stays text. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}
