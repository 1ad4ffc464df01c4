// The recorded graph: its numbers computed anew by the rules, forward and backward, and the steps of both.
const G = JSON.parse(document.getElementById("data").textContent);
const N = G.nodes;
const ROOT = N.length - 1;
const places = N.map((_, i) => i);
const OPERATIONS = places.filter((i) => N[i].o);
const LEAVES = places.filter((i) => !N[i].o && !N[i].c);
const children = N.map(() => []);
for (const i of OPERATIONS) N[i].p.forEach((parent, edge) => children[parent].push([i, edge]));

// One state of all numbers: values, gradients, local derivatives, and whether a gradient arrives at all.
function stateOf(leaves) {
  const state = { values: leaves.slice(), gradients: [], partials: [], reached: [] };
  forward(state.values);
  backward(state);
  return state;
}

// The state with one leaf moved: values and local derivatives are computed anew where they depend on it.
function stateWith(leaf, x, state) {
  const values = state.values.slice(), moved = { values, gradients: [], partials: state.partials.slice(), reached: [] };
  values[leaf] = x;
  forward(values, ROOT, madeOf(leaf));
  backward(moved, madeOf(leaf));
  return moved;
}

function forward(values, last = ROOT, operations = OPERATIONS) {
  if (!G.runs) return values[last];
  for (const i of operations) {
    if (i > last) break;
    values[i] = R[N[i].o].value(N[i].p.map((parent) => values[parent]));
  }
  return values[last];
}

// The operations that depend on a leaf: what has to be computed anew when it alone moves.
const dependents = new Map();
function madeOf(leaf) {
  if (!dependents.has(leaf)) {
    const found = new Set([leaf]);
    for (const i of OPERATIONS) if (N[i].p.some((parent) => found.has(parent))) found.add(i);
    dependents.set(leaf, OPERATIONS.filter((i) => found.has(i)));
  }
  return dependents.get(leaf);
}

// A branch that wasn't taken hands nothing back: an edge of a choice whose partial is 0.
const CHOICES = new Set(G.choices);
const isThere = (state, i, edge) =>
  state.reached[i] && !N[N[i].p[edge]].c && !(state.partials[i][edge] === 0 && CHOICES.has(N[i].o));

function backward(state, changed = OPERATIONS) {
  const { values, partials } = state;
  const gradients = (state.gradients = new Array(N.length).fill(0));
  const reached = (state.reached = new Array(N.length).fill(false));
  if (N[ROOT].g !== undefined) {
    // A part of a graph: what has arrived came also by ways that aren't shown.
    state.gradients = N.map((node) => number(node.g));
    state.reached.fill(true);
    for (const i of OPERATIONS) partials[i] = N[i].d.map(number);
    return;
  }
  gradients[ROOT] = 1;
  reached[ROOT] = true;
  for (const i of changed)
    partials[i] = G.runs ? R[N[i].o].partials(values[i], N[i].p.map((parent) => values[parent])) : N[i].d.map(number);
  for (let k = OPERATIONS.length - 1; k >= 0; k--) {
    const i = OPERATIONS[k], operands = N[i].p;
    if (!reached[i]) continue;
    for (let edge = 0; edge < operands.length; edge++) {
      if (!isThere(state, i, edge)) continue;
      const parent = operands[edge], share = partials[i][edge] * gradients[i];
      gradients[parent] = reached[parent] ? gradients[parent] + share : share;
      reached[parent] = true;
    }
  }
}

const recordedLeaves = N.map((node) => number(node.v));
function number(text) { return typeof text === "string" ? Number(text) : text; }
let state = stateOf(recordedLeaves);

// The steps: the leaves, each operation forward, the seed, each operation backward, and everything at once.
const STEPS = [
  { kind: "leaves" },
  ...OPERATIONS.map((i) => ({ kind: "forward", i })),
  { kind: "seed", i: ROOT },
  ...OPERATIONS.slice().reverse().map((i) => ({ kind: "backward", i })),
  { kind: "all" },
];
const forwardStep = [], backwardStep = [];
STEPS.forEach((step, at) => {
  if (step.kind === "forward") forwardStep[step.i] = at;
  if (step.kind === "backward") backwardStep[step.i] = at;
});
const SEED = OPERATIONS.length + 1;

// The paths by which a gradient arrives, in the order of arrival.
const arrivals = (i) => children[i].slice().sort((a, b) => backwardStep[a[0]] - backwardStep[b[0]]);
