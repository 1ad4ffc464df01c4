// Exercises: hidden numbers, answers typed as numbers or formulas, and what is wrong with a wrong one.
// A task is "g5", the gradient of node 5, "d7.0", a local derivative, or "v5", a value.
const FUNCTIONS = {
  exp: Math.exp, log: Math.log, ln: Math.log, sqrt: Math.sqrt, sin: Math.sin, cos: Math.cos, tan: Math.tan, tanh: Math.tanh,
  sinh: Math.sinh, cosh: Math.cosh, atan: Math.atan, abs: Math.abs, log1p: Math.log1p, expm1: Math.expm1,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)), sigma: (x) => 1 / (1 + Math.exp(-x)), softplus: (x) => Math.log1p(Math.exp(x)), relu: (x) => Math.max(0, x),
};
const NODE_OF = new Map(places.filter((i) => !N[i].c).map((i) => [nameOf(i), i]).reverse());
const BINDING = { "+": 1, "-": 1, "*": 2, "/": 2, negative: 3, "^": 4 };

// A formula as a function of the nodes' values, or a sentence thrown. Shunting-yard; nothing is evaluated as a program.
function readFormula(text) {
  const tokens = text.replace(/[−–]/g, "-").replace(/[·×]/g, "*").replace(/÷/g, "/").replace(/\*\*/g, "^")
    .match(/\d+\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?|[\p{L}_][\p{L}\p{N}_]*|\S/giu) || [];
  const out = [], stack = [];
  let operand = false; // whether an operand stands to the left
  const pop = () => out.push(stack.pop());
  tokens.forEach((token, at) => {
    const isName = /^[\p{L}_]/u.test(token), isNumber = /^[\d.]/.test(token) && token !== ".";
    if (isName || isNumber || token === "(") {
      if (operand) throw `an operator is missing before ${token}: write w*x, not w x`;
      if (token === "(") return stack.push("(");
      if (isName && Object.hasOwn(FUNCTIONS, token) && tokens[at + 1] === "(") return stack.push(FUNCTIONS[token]);
      if (isName && !NODE_OF.has(token)) throw `no number is called ${token}`;
      out.push(isName ? { node: NODE_OF.get(token) } : { number: Number(token) });
      operand = true;
    } else if (token === ")") {
      if (!operand) throw "something is missing before )";
      while (stack.length && stack.at(-1) !== "(") pop();
      if (!stack.length) throw "there is a ) without its (";
      stack.pop();
      if (typeof stack.at(-1) === "function") pop();
    } else if (Object.hasOwn(BINDING, token)) {
      let operator = token;
      if (!operand) {
        if (token !== "-") throw `a number is missing before ${token}`;
        operator = "negative";
      }
      const higher = (top) => BINDING[top] > BINDING[operator] || (BINDING[top] === BINDING[operator] && operator !== "^");
      while (operand && stack.length && Object.hasOwn(BINDING, stack.at(-1)) && higher(stack.at(-1))) pop();
      stack.push(operator);
      operand = false;
    } else throw `${token} has no meaning in a formula`;
  });
  if (!operand) throw text.trim() ? "the formula ends too early" : "";
  while (stack.length) {
    if (stack.at(-1) === "(") throw "there is a ( without its )";
    pop();
  }
  return (values) => {
    const numbers = [];
    for (const item of out) {
      if (item.node !== undefined) numbers.push(values[item.node]);
      else if (item.number !== undefined) numbers.push(item.number);
      else if (item === "negative") numbers.push(-numbers.pop());
      else if (typeof item === "function") numbers.push(item(numbers.pop()));
      else {
        const y = numbers.pop(), x = numbers.pop();
        numbers.push(item === "+" ? x + y : item === "-" ? x - y : item === "*" ? x * y : item === "/" ? x / y : power(x, y));
      }
    }
    return numbers[0];
  };
}

// States at random leaves near the recorded ones, where the graph is finite. Any real number may be a label.
let seed = 7;
const random = () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 1073741824 - 1;
function nearbyStates(count) {
  const states = [];
  for (let tries = 0; tries < 200 && states.length < count; tries++) {
    const leaves = state.values.slice();
    for (const i of LEAVES) {
      const x = recordedLeaves[i];
      leaves[i] = x === 0 ? 1.5 * random() : x * (1 + 0.6 * random());
    }
    const one = stateOf(leaves);
    if ([...one.values, ...one.gradients].every(Number.isFinite)) states.push(one);
  }
  return states;
}

// What an answer may be: the truth, and the mistakes that have a name.
function candidates(task) {
  const i = parseInt(task.slice(1)), edge = Number(task.split(".")[1]);
  if (task[0] === "v") return [["right", (s) => s.values[i]]];
  if (task[0] === "d") {
    const others = N[i].p.map((_, k) => k).filter((k) => k !== edge && !N[N[i].p[k]].c);
    return [
      ["right", (s) => s.partials[i][edge]],
      ...others.map((k) => [`that is the derivative by the other operand, ${nameOf(N[i].p[k])}`, (s) => s.partials[i][k]]),
      ["that is the value, not its derivative", (s) => s.values[i]],
      ["that is the gradient of the output: only the local derivative is asked for", (s) => s.gradients[N[i].p[edge]]],
    ];
  }
  const paths = children[i], share = ([child, k]) => (s) => (isThere(s, child, k) ? s.partials[child][k] * s.gradients[child] : 0);
  const through = (child) => nameOf(child);
  const found = [["right", (s) => s.gradients[i]]];
  if (paths.length > 1)
    for (const path of paths) {
      found.push([`a path is missing: the one through ${through(path[0])}`, (s) => s.gradients[i] - share(path)(s)]);
      if (paths.length > 2) found.push([`that is the path through ${through(path[0])} alone: the others are missing`, share(path)]);
    }
  for (const [child, k] of paths) {
    found.push([`that is the local derivative of ${through(child)} alone: it still has to be multiplied by what arrives there`, (s) => s.partials[child][k]]);
    found.push([`that is what arrives at ${through(child)}: the local derivative is missing`, (s) => s.gradients[child]]);
    N[child].p.forEach((other, at) => {
      if (at !== k && other !== i && !N[other].c) found.push([`that takes the derivative by ${nameOf(other)}, the other operand`, (s) => s.partials[child][at] * s.gradients[child]]);
    });
  }
  return found;
}

// [whether it is right (null: it can't be read), a sentence]
function judge(task, text) {
  let formula;
  try { formula = readFormula(text); } catch (fault) { return [null, String(fault)]; }
  const isNumber = /^[\s\d.e+−–-]+$/i.test(text);
  const points = nearbyStates(5), states = isNumber ? [state] : points;
  if (!isNumber && points.length < 5) return [null, "the numbers near this point are not finite: type a number"];
  const tolerance = isNumber ? 2e-3 : 1e-9;
  const near = (x, y) => Math.abs(x - y) <= tolerance * Math.max(Math.abs(x), Math.abs(y), isNumber ? 1e-9 : 1e-12);
  const equal = (wanted, factor = 1, among = states) => among.every((s) => near(formula(s.values), factor * wanted(s)));
  const known = candidates(task), truth = known[0][1];
  if (equal(truth)) return [true, isNumber ? "right" : "right (equal at 5 random points)"];
  // At a number 0 the sign and factors say nothing; several names for one mistake are told as none.
  const distinct = (wanted) => states.some((s) => Math.abs(wanted(s)) > 1e-12);
  if (distinct(truth) && equal(truth, -1)) return [false, "the sign is turned round"];
  for (const [name, wanted] of known.slice(1)) if (distinct(wanted) && equal(wanted)) return [false, name];
  if (distinct(truth) && equal((s) => 1 / truth(s))) return [false, "that is one over the right one"];
  for (const factor of [2, 0.5]) if (distinct(truth) && equal(truth, factor)) return [false, `a factor of ${factor === 2 ? "2" : "1/2"} too much`];
  if (!isNumber) {
    const ratios = states.map((s) => formula(s.values) / truth(s)).filter(Number.isFinite);
    if (ratios.length > 2 && ratios.every((x) => Math.abs(x - ratios[0]) < 1e-9 * Math.abs(ratios[0]))) return [false, `a factor of ${shown(ratios[0])} too much`];
    for (const [name, wanted] of known.slice(1)) for (const factor of [-1, 2, 0.5]) if (distinct(wanted) && equal(wanted, factor)) return [false, `${name}; and ${factor < 0 ? "the sign is turned round" : `a factor of ${factor === 2 ? "2" : "1/2"} too much`}`];
    const here = [state, stateOf(recordedLeaves)];
    if (here.some((s) => Math.abs(formula(s.values) - truth(s)) <= 2e-3 * Math.abs(truth(s))))
      return [false, "right at these numbers only, not at others (a stale value, where a number stands for a name)"];
  } else if (near(formula(state.values), truth(stateOf(recordedLeaves)))) return [false, "that is the number before the leaves were moved (a stale value)"];
  return [false, "not equal"];
}

const symbolOf = (task) => {
  const i = parseInt(task.slice(1));
  if (task[0] === "v") return nameOf(i);
  return task[0] === "g" ? `∂${nameOf(ROOT)}/∂${nameOf(i)}` : `∂${nameOf(i)}/∂${nameOf(N[i].p[Number(task.split(".")[1])])}`;
};

const exercises = {
  title: "exercise",
  open: null,
  show() {
    this.open ??= new Set(G.exercise.asked);
    const names = LEAVES.map(nameOf).concat(OPERATIONS.map(nameOf)).filter((n) => /^[\p{L}_][\p{L}\p{N}_]*$/u.test(n));
    get("below").innerHTML = `<div class="card"><p>Numbers marked ? are hidden. Type each as a number (three digits are enough)` +
      (G.runs ? ` or as a formula in ${escaped([...new Set(names)].slice(0, 16).join(", "))}` : "") + `.</p>` +
      G.exercise.asked.map((task) => `<p class="task" data-task="${task}"><label>${escaped(symbolOf(task))} = <input autocomplete="off" spellcheck="false"></label> <span role="status"></span></p>`).join("") +
      `<div class="bar"><button id="uncover">show the answers</button><span id="score" class="quiet"></span></div></div>`;
    for (const row of get("below").querySelectorAll("[data-task]")) {
      const input = row.querySelector("input"), said = row.querySelector("[role=status]"), task = row.dataset.task;
      input.onchange = () => {
        if (!input.value.trim()) return put(said, " ");
        const [right, text] = judge(task, input.value);
        said.className = right ? "good" : right === null ? "quiet" : "bad";
        put(said, `${right ? "✓" : right === null ? "…" : "✗"} ${text}`);
        if (right) this.uncover(task);
      };
    }
    get("uncover").onclick = () => { for (const task of [...this.open]) this.uncover(task); };
  },
  uncover(task) {
    this.open.delete(task);
    update();
  },
  onNode(i) { get("below").querySelector(`[data-task="g${i}"] input, [data-task="v${i}"] input`)?.focus(); },
  // What follows from a hidden number by a factor of 1 or -1 is hidden with it.
  before() { view.hidden = new Set([...this.open].flatMap((task) => [task, ...(G.exercise.covers[task] || [])])); },
  update() {
    put(get("score"), `${G.exercise.asked.length - this.open.size} of ${G.exercise.asked.length}`);
  },
};
