// Step through: next, back, play, a slider, a click on a node, a link to a step, and the sentence of each step.
function sentence() {
  const step = STEPS[view.step], head = `<b>step ${view.step} of ${STEPS.length - 1}</b> `;
  const leaves = LEAVES.slice(0, 12);
  if (step.kind === "leaves")
    return `${head}The leaves have their numbers; everything else is computed from them. ` +
      listed(leaves.map((i) => `${name(i)} = ${control(i)}`), 12);
  if (step.kind === "seed")
    return `${head}The way back begins at the output: ${ratio(ROOT)} = ${slope(1)}. A gradient says by how many times ` +
      `as much ${name(ROOT)} grows when that number grows by a little.`;
  if (step.kind === "forward") return head + forwardSentence(step.i);
  if (step.kind === "backward") return head + backwardSentence(step.i);
  const moving = LEAVES.filter((i) => N[i].k === "parameter");
  return `${head}${name(ROOT)} = ${value(ROOT)}. If a number grows by a little, ${name(ROOT)} grows by this many times as ` +
    `much: ${listed(leaves.map((i) => `${ratio(i)} = ${slope(state.gradients[i])}`), 8)}. Go back to see how each came ` +
    `about${G.runs ? `, or drag a number: ${(moving.length ? moving : LEAVES).slice(0, 4).map((i) => `${escaped(nameOf(i))} = ${control(i)}`).join(", ")}` : ""}.`;
}

function forwardSentence(i) {
  const { o: rule, p: operands } = N[i], formulas = G.formulas[rule] || [];
  const moving = operands.map((j, edge) => [j, edge]).filter(([j]) => !N[j].c);
  const slopes = moving.map(([j, edge]) => {
    const formula = formulas[edge + 1]?.includes("<mi>") ? `<mo>=</mo>${typeset(formulas[edge + 1], operands)}` : "";
    return formulas.length ? math(`${ratioOf(i, j)}${formula}<mo>=</mo>${mn(state.partials[i][edge])}`) : `by ${escaped(nameOf(j))} ${slope(state.partials[i][edge])}`;
  });
  const made = operands.length === 1 && formulas.length && rule !== "neg" ? ` = ${math(typeset(formulas[0], operands))}` : "";
  return `forward: ${name(i)} = ${escaped(rule)}(${listed(operands.map((j) => (N[j].c ? value(j) : `${escaped(nameOf(j))} = ${control(j)}`)))})` +
    `${made} = ${value(i)}<br>local derivative${moving.length > 1 ? "s" : ""}: ${listed(slopes)}`;
}

function backwardSentence(i) {
  const head = `backward through ${escaped(N[i].s)}: ${name(i)} has received ${slope(state.gradients[i])} and hands on ` +
    "incoming × local = contribution:<br>";
  if (!state.reached[i]) return `backward through ${escaped(N[i].s)}: nothing arrives at ${name(i)}, so nothing is handed on.`;
  const lines = N[i].p.map((parent, edge) => (N[parent].c ? "" : contribution(i, parent, edge))).filter(Boolean);
  const most = lines.length > 6 ? 3 : lines.length;
  return head + lines.slice(0, most).join("<br>") + (lines.length > most ? `<br>and ${lines.length - most} more` : "");
}

function contribution(i, parent, edge) {
  const local = state.partials[i][edge], incoming = state.gradients[i];
  if (!isThere(state, i, edge)) return `to ${name(parent)}: nothing, since it wasn't chosen`;
  const product = local * incoming;
  const zero = Object.is(product, -0) ? ", a zero with a sign" : "";
  return `to ${name(parent)}: ${math(`${mn(incoming)}<mo>×</mo>${mn(local)}<mo>=</mo>${mn(product)}`)}${zero}` + sumSoFar(parent);
}

// Where paths meet: the sum, with dots for what has not arrived yet.
function sumSoFar(parent) {
  const paths = arrivals(parent);
  if (paths.length < 2 || N[ROOT].g !== undefined) return "";
  const arrived = paths.filter(([child]) => view.step >= backwardStep[child]);
  const terms = arrived.filter(([child, edge]) => isThere(state, child, edge))
    .map(([child, edge]) => state.partials[child][edge] * state.gradients[child]);
  const isWhole = arrived.length === paths.length, many = terms.length > 6;
  const sum = terms.slice(0, many ? 3 : 6).map((x, k) => (k ? `<mo>${x < 0 ? "−" : "+"}</mo>${mn(Math.abs(x))}` : mn(x))).join("");
  const more = (many ? `<mo>+</mo><mtext>${terms.length - 3} more</mtext>` : "") + (isWhole ? `<mo>=</mo>${mn(state.gradients[parent])}` : "<mo>+</mo><mo>…</mo>");
  return ` &ensp; the sum over its paths: ${math(`${ratioOf(ROOT, parent)}<mo>=</mo>${sum}${more}`)}`;
}

function say() {
  const text = sentence();
  const box = get("say"), focused = document.activeElement?.dataset?.i;
  box.innerHTML = `<p>${text}</p>`;
  if (focused !== undefined) box.querySelector(`[data-i="${focused}"]`)?.focus();
}

function update() {
  MODES[mode].before?.();
  paint();
  paintTable();
  if (mode === "step") {
    get("step").value = view.step;
    say();
  }
  MODES[mode].update?.();
}

function go(step, scroll = true) {
  view.step = Math.max(0, Math.min(STEPS.length - 1, step));
  try { history.replaceState(null, "", `#step=${view.step}`); } catch { /* a sandboxed frame has no history */ }
  update();
  const i = STEPS[view.step].i;
  if (scroll && i !== undefined && (innerWidth < 640 || get("graph").scrollWidth > get("graph").clientWidth || document.querySelector(".tile"))) show(i);
}
function show(i) {
  const node = [...document.querySelectorAll(`svg.g [data-n="${i}"]`)].find((one) => one.closest(".tile") || one.getClientRects().length);
  const pane = node?.closest(".tiles")?.parentElement;
  if (!pane) return node?.scrollIntoView({ block: innerWidth < 640 ? "center" : "nearest", inline: "center", behavior: calm() ? "auto" : "smooth" });
  const own = node.getBoundingClientRect(), around = pane.getBoundingClientRect();
  pane.scrollBy(own.x + own.width / 2 - around.x - around.width / 2, own.y + own.height / 2 - around.y - around.height / 2);
}
const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

// A click on an operation shows its backward step, and again its forward step.
function onNode(i) {
  if (mode === "step") go(!N[i].o ? 0 : view.step === backwardStep[i] || (view.step < SEED && view.step !== forwardStep[i]) ? forwardStep[i] : backwardStep[i], false);
  else MODES[mode].onNode?.(i);
}

let timer = 0;
function play(on = !timer) {
  clearInterval(timer);
  timer = 0;
  if (on) {
    if (view.step === STEPS.length - 1) go(0);
    timer = setInterval(() => (view.step === STEPS.length - 1 ? play(false) : go(view.step + 1)), +get("speed").value);
  }
  get("play").textContent = timer ? "pause" : "play";
}

get("first").onclick = () => go(0);
get("back").onclick = () => go(view.step - 1);
get("next").onclick = () => go(view.step === STEPS.length - 1 ? 0 : view.step + 1);
get("last").onclick = () => go(STEPS.length - 1);
get("play").onclick = () => play();
get("speed").onchange = () => timer && play(true);
get("step").max = STEPS.length - 1;
get("step").oninput = (event) => go(+event.target.value);

addEventListener("keydown", (event) => {
  if (mode !== "step" || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) || event.target.dataset?.i || event.altKey || event.ctrlKey || event.metaKey) return;
  const act = { ArrowRight: () => go(view.step + 1), ArrowLeft: () => go(view.step - 1), Home: () => go(0), End: () => go(STEPS.length - 1) }[event.key];
  if (!act) return;
  act();
  event.preventDefault();
});

// Numbers in sentences: dragged, or moved by arrow keys.
function setLeaf(i, x) {
  if (!Number.isFinite(x)) return;
  state = stateWith(i, x, state);
  update();
}
const startOf = (i) => (Number.isFinite(state.values[i]) ? state.values[i] : 0);
function scrub(box) {
  let drag = null;
  box.addEventListener("pointerdown", (event) => {
    const i = event.target.dataset?.i;
    if (i === undefined) return;
    drag = { i: +i, x: event.clientX, start: startOf(+i), unit: Math.max(0.01, Math.abs(startOf(+i)) / 100) };
    box.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  box.addEventListener("pointermove", (event) => drag && setLeaf(drag.i, +(drag.start + (event.clientX - drag.x) * drag.unit).toPrecision(6)));
  for (const end of ["pointerup", "pointercancel"]) box.addEventListener(end, () => (drag = null));
  box.addEventListener("keydown", (event) => {
    const i = event.target.dataset?.i, by = { ArrowUp: 0.1, ArrowRight: 0.1, ArrowDown: -0.1, ArrowLeft: -0.1 }[event.key];
    if (i === undefined || !by) return;
    setLeaf(+i, +(startOf(+i) + by * Math.max(1, Math.abs(startOf(+i)) / 10)).toPrecision(12));
    event.preventDefault();
  });
}
scrub(get("say"));
