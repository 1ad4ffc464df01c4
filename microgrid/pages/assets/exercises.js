// Exercises: hidden numbers, answers typed as numbers or formulas, and what is wrong with a wrong one.
// A task is "g5", the gradient of node 5, "d7.0", a local derivative, or "v5", a value.
const logistic = (x) => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x)));
const FUNCTIONS = {
  ...Object.fromEntries(["exp", "log", "sqrt", "cbrt", "sin", "cos", "tan", "tanh", "sinh", "cosh", "asin", "acos", "atan", "asinh", "acosh",
    "atanh", "abs", "sign", "log1p", "expm1", "log2", "log10"].map((name) => [name, Math[name]])),
  ln: Math.log, sigmoid: logistic, sigma: logistic, σ: logistic, expit: logistic, logistic,
  softplus: (x) => Math.max(0, x) + Math.log1p(Math.exp(-Math.abs(x))), relu: (x) => Math.max(0, x),
  max: (x, y) => Math.max(x, y), min: (x, y) => Math.min(x, y),
};
const CONSTANTS = { e: Math.E, pi: Math.PI, π: Math.PI, inf: Infinity, infinity: Infinity, "∞": Infinity, nan: NaN };
const NODE_OF = new Map(); // null where several have a name
for (const i of places) if (!N[i].c) NODE_OF.set(nameOf(i), NODE_OF.has(nameOf(i)) ? null : i);
const BINDING = { "+": 1, "-": 1, "*": 2, "/": 2, negative: 3, "^": 4 };

// What is typed on paper and by word processors, as it is typed at a keyboard; answers.py does the same in Python.
const SIGNS = [
  [/[\u200b-\u200f\u202a-\u202e\u2060\u2061\u2066-\u2069\ufeff]/g, ""], [/[−–—‐‑‒﹣－]/g, "-"], [/[·⋅∙•×✕∗＊\u2062]|\*(?!\*)/g, "*"],
  [/[÷∕⁄／]/g, "/"], [/\*\*/g, "^"], [/[[{（]/g, "("], [/[\]}）]/g, ")"], [/½/g, "(1/2)"], [/¼/g, "(1/4)"], [/¾/g, "(3/4)"],
  [/[⁻⁰¹²³⁴-⁹]+/g, (power) => `^(${[...power].map((c) => "-0123456789"["⁻⁰¹²³⁴⁵⁶⁷⁸⁹".indexOf(c)]).join("")})`],
  [/\|([^|]*)\|/g, "(abs($1))"], [/√\s*(\d+\.?\d*|[\p{L}_][\p{L}\p{N}_]*)(?!\s*\()/gu, "(sqrt($1))"], [/√/g, "sqrt"],
  [/^(?:\s*∂[^=]*)?\s*=/, ""],
];
const TOKENS = /\d+\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?|[\p{L}_∞][\p{L}\p{N}_]*|\S/giu;

// A formula as a function of the nodes' values, or a sentence thrown. Shunting-yard; nothing is evaluated as a program.
// The function gives the value and the largest number on the way to it, and knows whether nodes occur in it.
function readFormula(text) {
  const tokens = SIGNS.reduce((all, [sign, plain]) => all.replace(sign, plain), text).match(TOKENS) || [];
  const out = [], stack = [];
  let operand = false; // whether an operand stands to the left
  const pop = () => out.push(stack.pop());
  const operator = (sign) => {
    const higher = (top) => BINDING[top] > BINDING[sign] || (BINDING[top] === BINDING[sign] && sign !== "^");
    while (operand && stack.length && Object.hasOwn(BINDING, stack.at(-1)) && higher(stack.at(-1))) pop();
    stack.push(sign);
    operand = false;
  };
  const closeTo = (bracket) => { while (stack.length && stack.at(-1) !== bracket) pop(); };
  tokens.forEach((token, at) => {
    const isName = /^[\p{L}_∞]/u.test(token), isNumber = /^[\d.]/.test(token) && token !== ".";
    if (isName || isNumber || token === "(") {
      if (operand) {
        // A product may be written without a sign, as in 2a(1 - a), where it can't be read in two ways.
        const isOneWord = /^[\p{L}_]/u.test(tokens[at - 1]) && isName;
        if (isNumber || isOneWord) throw `an operator is missing before ${token}: write w*x, not w x`;
        if (stack.findLast((top) => top !== "^" && top !== "negative") === "/") throw `a division is followed by a product without a sign: write 1/(2*a) or (1/2)*a, not 1/2a`;
        operator("*");
      }
      if (token === "(") return stack.push("(");
      const node = NODE_OF.get(token);
      if (isName && node === undefined && Object.hasOwn(FUNCTIONS, token) && tokens[at + 1] === "(") return stack.push({ call: FUNCTIONS[token], operands: 1 });
      if (node === null) throw `several numbers are called ${token}: type a number`;
      const constant = Object.hasOwn(CONSTANTS, token.toLowerCase()) ? CONSTANTS[token.toLowerCase()] : undefined;
      if (isName && node === undefined && constant === undefined) throw `no number is called ${token}`;
      out.push(isNumber ? { number: Number(token) } : node === undefined ? { number: constant } : { node });
      operand = true;
    } else if (token === ")" || token === ",") {
      if (!operand) throw `something is missing before ${token}`;
      closeTo("(");
      const call = stack.at(-2)?.call && stack.at(-2);
      if (token === ",") {
        if (!call) throw "a comma has no meaning here; a decimal point is written as .";
        call.operands++;
        operand = false;
        return;
      }
      if (!stack.length) throw "there is a ) without its (";
      stack.pop();
      if (!call) return;
      if (call.operands !== call.call.length) throw `a function of ${call.call.length} is given ${call.operands} numbers`;
      pop();
    } else if (Object.hasOwn(BINDING, token)) {
      if (operand) return operator(token);
      if (token === "-") return operator("negative");
      if (token !== "+") throw `a number is missing before ${token}`;
    } else throw `${token} has no meaning in a formula`;
  });
  if (!operand) throw text.trim() ? "the formula ends too early" : "";
  closeTo("(");
  if (stack.length) throw "there is a ( without its )";
  const run = (values) => {
    const numbers = [];
    let size = 0;
    for (const item of out) {
      if (item.node !== undefined) numbers.push(values[item.node]);
      else if (item.number !== undefined) numbers.push(item.number);
      else if (item === "negative") numbers.push(-numbers.pop());
      else if (item.call) numbers.push(item.call(...numbers.splice(numbers.length - item.operands)));
      else {
        const y = numbers.pop(), x = numbers.pop();
        numbers.push(item === "+" ? x + y : item === "-" ? x - y : item === "*" ? x * y : item === "/" ? x / y : x ** y);
      }
      size = Math.max(size, Math.abs(numbers.at(-1)));
    }
    return [numbers[0], size];
  };
  const used = new Set(out.map((item) => item.node));
  return Object.assign(run, { used, isNumber: used.size === 1 && used.has(undefined) });
}

// States at random leaves, in turn near the recorded ones and anywhere. Any real number may be a label.
let seed;
const random = () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 1073741824 - 1;
function* randomStates() {
  seed = 7;
  for (let tries = 0; tries < 200; tries++) {
    const leaves = state.values.slice();
    for (const i of LEAVES) {
      const x = recordedLeaves[i];
      leaves[i] = x === 0 || tries % 2 ? 1.5 * random() : x * (1 + 0.6 * random());
    }
    yield stateOf(leaves);
  }
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
  for (const child of new Set(paths.map((path) => path[0]))) {
    const own = paths.filter((path) => path[0] === child), sum = (s) => own.reduce((all, path) => all + share(path)(s), 0);
    if (own.length < 2 || own.length === paths.length) continue;
    found.push([`paths are missing: those through ${through(child)}`, (s) => s.gradients[i] - sum(s)]);
    found.push([`those are the paths through ${through(child)} alone: the others are missing`, sum]);
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

// The largest term of the sum that the truth is: what is far smaller may be its rounding.
function sizeOf(task, s) {
  const i = parseInt(task.slice(1));
  const terms = task[0] === "g" ? children[i].map(([child, k]) => s.partials[child][k] * s.gradients[child])
    : task[0] === "v" && ["add", "sub", "sum"].includes(N[i].o) ? N[i].p.map((parent) => s.values[parent]) : [0];
  return Math.max(...terms.map(Math.abs));
}

// The points at which a formula is compared: a sum that cancels almost all of its digits tells nothing.
function pointsFor(task, formula, truth) {
  const points = [];
  for (const s of randomStates()) {
    if (![...s.values, ...s.gradients].every(Number.isFinite)) continue;
    const [x, own] = formula(s.values), size = Math.max(own, sizeOf(task, s)), wanted = truth(s);
    if (Number.isFinite(own) && (wanted === 0 || size < 1e6 * Math.abs(wanted))) points.push({ s, x, size });
    if (points.length === 8) break;
  }
  return points;
}

// [whether it is right (null: it can't be read), a sentence]
function judge(task, text) {
  let formula;
  try { formula = readFormula(text); } catch (fault) { return [null, String(fault)]; }
  const { isNumber } = formula;
  if (!isNumber && !G.runs) return [null, "type a number: this graph can't be computed anew here"];
  if (task[0] === "v" && formula.used.has(parseInt(task.slice(1)))) return [null, "say it without itself"];
  const known = candidates(task), truth = known[0][1];
  const typed = (s) => formula(s.values)[0];
  const points = isNumber ? [{ s: state, x: typed(state), size: sizeOf(task, state) }] : pointsFor(task, formula, truth);
  if (!isNumber && points.length < 8) return [null, "the numbers near this point are not finite or cancel: type a number"];
  const near = (x, y, tolerance, size = 0) => Object.is(x, y) || x === y || Number.isFinite(x - y) && Math.abs(x - y) <= Math.max(tolerance * Math.max(Math.abs(x), Math.abs(y)), 1e-14 * size);
  const equal = (wanted, factor = 1) => points.every(({ s, x, size }) => near(x, factor * wanted(s), isNumber ? 2e-3 : 1e-9, size));
  const tells = (wanted) => points.some(({ s }) => wanted(s) !== 0); // at 0 signs and factors say nothing
  const byFactor = (factor) => (Math.abs(factor) < 1 ? `a factor of ${shown(1 / factor)} is missing` : `a factor of ${shown(factor)} too much`);
  if (equal(truth)) return [true, isNumber ? "right" : "right (equal at 8 random points)"];
  if (tells(truth) && equal(truth, -1)) return [false, "the sign is turned round"];
  for (const [name, wanted] of known.slice(1)) if (tells(wanted) && equal(wanted)) return [false, name];
  // Of a single number only the factors 2 and 1/2 are told: any two numbers have some factor.
  const ratio = points[0].x / truth(points[0].s);
  for (const factor of isNumber ? [2, 0.5] : [ratio]) if (tells(truth) && Number.isFinite(factor) && factor && equal(truth, factor)) return [false, byFactor(factor)];
  if (tells(truth) && equal((s) => 1 / truth(s))) return [false, "that is one over the right one"];
  for (const [name, wanted] of isNumber ? [] : known.slice(1))
    for (const factor of [-1, 2, 0.5]) if (tells(wanted) && equal(wanted, factor)) return [false, `${name}; and ${factor < 0 ? "the sign is turned round" : byFactor(factor)}`];
  const recorded = stateOf(recordedLeaves);
  if (isNumber) return [false, near(typed(state), truth(recorded), 2e-3) ? "that is the number before the leaves were moved (a stale value)" : "not equal"];
  return [false, [state, recorded].some((s) => near(typed(s), truth(s), 2e-3)) ? "right at these numbers only, not at others (a stale value, where a number stands for a name)" : "not equal"];
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
