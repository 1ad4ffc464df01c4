const get = (id) => document.getElementById(id);

// Numbers and names as text. What stands in the page as markup has passed through escaped().
const escaped = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

// Four significant digits as Python's %.4g writes them; see labels.number, which a test holds this to.
function shown(x, digits = 4) {
  if (x === 0) return Object.is(x, -0) ? "−0" : "0";
  if (x !== x) return "nan";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  const size = Math.abs(x), sign = x < 0 ? "−" : "";
  if (digits < 4) return shown(Number(`${sign && "-"}${halfEven(size, digits - 1).join("e")}`));
  if ((Number.isInteger(size) && size < 1e7) || (size >= 1e4 && size < 1e6)) return sign + whole(size);
  let [mantissa, exponent] = halfEven(size, digits - 1);
  const power = Number(exponent);
  if (power < -4 || power >= digits) return `${sign}${trimmed(mantissa)}e${power}`.replace("e-", "e−");
  const figures = mantissa.replace(".", "");
  if (power < 0) return sign + trimmed(`0.${"0".repeat(-power - 1)}${figures}`);
  return sign + trimmed(`${figures.slice(0, power + 1)}.${figures.slice(power + 1)}`);
}
const trimmed = (text) => (text.includes(".") ? text.replace(/\.?0*$/, "") : text);

// The digits rounded as IEEE 754 does, a tie to the even one; JavaScript's own rounds ties up.
function halfEven(size, places) {
  const [mantissa, exponent] = size.toExponential(places).split("e");
  const exact = size.toExponential(20).split("e")[0].replace(".", "");
  const last = Number(exact[places]);
  if (/^50*$/.test(exact.slice(places + 1)) && last % 2 === 0) {
    const kept = exact.slice(0, places + 1);
    return [`${kept[0]}.${kept.slice(1)}`, size.toExponential(20).split("e")[1]];
  }
  return [mantissa, exponent];
}
function whole(size) {
  const down = Math.floor(size), rest = size - down;
  return String(rest > 0.5 || (rest === 0.5 && down % 2) ? down + 1 : down);
}

const nameOf = (i) => N[i].n;
const name = (i) => `<b>${escaped(nameOf(i))}</b>`;
const value = (i) => `<span class="F">${shown(state.values[i])}</span>`;
const slope = (x) => `<span class="B">${shown(x)}</span>`;

// Equations are MathML: browsers set them, and screen readers read them out.
const math = (inner) => `<math>${inner}</math>`;
const brief = (i) => (nameOf(i).length > 24 ? `${nameOf(i).slice(0, 23)}…` : nameOf(i));
const fraction = (over, under) => `<mfrac><mrow><mo>∂</mo>${over}</mrow><mrow><mo>∂</mo>${under}</mrow></mfrac>`;
const letter = (i) => `<mi mathvariant="normal">${escaped(brief(i))}</mi>`;
const isOneWord = (i) => N[i].c || /^[\p{L}\p{N}_.]+(\([^()]*\))?$/u.test(nameOf(i));
const held = (i, text) => (isOneWord(i) ? text : `<mrow><mo>(</mo>${text}<mo>)</mo></mrow>`);
const ratioOf = (of, by) => fraction(held(of, letter(of)), held(by, letter(by)));
const ratio = (i) => math(ratioOf(ROOT, i));
const mn = (x) => `<mn class="B">${shown(x)}</mn>`;
// A rule's formula in the names of its operands.
function typeset(template, operands) {
  return template.replace(/(<mo>\(<\/mo>)?<mi>([xyz])<\/mi>(<mo>\)<\/mo>)?/g, (_, open = "", x, close = "") => {
    const i = operands["xyz".indexOf(x)], text = N[i].c ? `<mn>${shown(state.values[i])}</mn>` : letter(i);
    return open + (open && close ? text : held(i, text)) + close;
  });
}
// A leaf's number is a control: drag it, or use the arrow keys.
const control = (i) =>
  N[i].o || N[i].c || !G.runs ? value(i)
    : `<span class="F scrub" data-i="${i}" tabindex="0" role="slider" aria-label="${escaped(nameOf(i))}" ` +
      `aria-valuenow="${state.values[i]}">${shown(state.values[i])}</span>`;
const listed = (texts, most = 6) =>
  texts.length <= most ? texts.join(", ") : `${texts.slice(0, 3).join(", ")} and ${texts.length - 3} more`;
