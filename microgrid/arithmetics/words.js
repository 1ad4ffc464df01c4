// What the rules need and JavaScript lacks or has otherwise than C; a page gets these beside the rules it uses.

// The sum in pairs, in the order of Arithmetic.total. Overwrites the terms.
function total(terms, n) {
  if (n === 0) return 0;
  while (n > 1) {
    const half = n >> 1;
    for (let i = 0; i < half; i++) terms[i] = terms[2 * i] + terms[2 * i + 1];
    if (n & 1) terms[half] = terms[n - 1];
    n = half + (n & 1);
  }
  return terms[0];
}

function largest(terms, n) {
  let peak = -Infinity;
  for (let i = 0; i < n; i++) {
    const term = terms[i];
    peak = term < peak ? peak : peak <= term ? term : term + peak; // the last one is nan
  }
  return peak;
}

// C gives 1 where JavaScript gives nan.
function power(x, y) {
  return x === 1 || (x === -1 && (y === Infinity || y === -Infinity)) ? 1 : Math.pow(x, y);
}

function copysign(x, y) {
  const negative = y < 0 || Object.is(y, -0);
  return negative ? -Math.abs(x) : Math.abs(x);
}

// Math.hypot is off by up to 2 ulp. Here the rounding error of the root is computed and taken away
// (C. Borges, An improved algorithm for hypot(a, b), 2019).
function hypot(x, y) {
  let long = Math.abs(x), short = Math.abs(y);
  if (long === Infinity || short === Infinity) return Infinity;
  if (long < short) [long, short] = [short, long];
  if (!(short > 0)) return long + short; // also nan
  let scale = 1;
  if (long > 6.7e153) scale = 2 ** 600;
  else if (short < 1.5e-154) scale = 2 ** -600;
  long /= scale;
  short /= scale;
  if (long > short * 2 ** 54) return (long + short) * scale;
  const root = Math.sqrt(long * long + short * short);
  let first, second;
  if (root <= 2 * short) {
    const rest = root - short;
    first = long * (2 * rest - long);
    second = (rest - 2 * (long - short)) * rest;
  } else {
    const rest = root - long;
    first = 2 * rest * (long - 2 * short);
    second = (4 * rest - short) * short + rest * rest;
  }
  return (root - (first + second) / (2 * root)) * scale;
}

// Math.cbrt is off by up to 3 ulp: one step of Newton's method from its first 26 bits, whose square is exact.
function cbrt(x) {
  const near = Math.cbrt(x);
  if (near === 0 || !Number.isFinite(near)) return near;
  const head = near * 134217729 - (near * 134217729 - near);
  const ratio = x / (head * head);
  return head + head * ((ratio - head) / (head + head + ratio));
}

// x*y + z rounded once: exactly, in whole numbers.
function fma(x, y, z) {
  const rounded = x * y + z;
  if (!Number.isFinite(x) || !Number.isFinite(y)) return rounded;
  if (!Number.isFinite(z)) return z;
  const whole = (number) => {
    const bits = new DataView(new ArrayBuffer(8));
    bits.setFloat64(0, number);
    const head = bits.getUint32(0), exponent = (head >>> 20) & 2047;
    const size = (BigInt(head & 0xfffff) << 32n) | BigInt(bits.getUint32(4));
    const full = exponent ? size | (1n << 52n) : size;
    return [head >>> 31 ? -full : full, BigInt(Math.max(exponent, 1) - 1075)];
  };
  const [a, ea] = whole(x), [b, eb] = whole(y), [c, ec] = whole(z);
  const low = ea + eb < ec ? ea + eb : ec;
  const sum = ((a * b) << (ea + eb - low)) + (c << (ec - low));
  if (sum === 0n) return rounded; // which has the sign of 0 by IEEE 754
  let size = sum < 0n ? -sum : sum;
  const extra = Math.max(size.toString(2).length - 53, -1074 - Number(low));
  let exponent = Number(low);
  if (extra > 0) {
    const shift = BigInt(extra), half = 1n << (shift - 1n), rest = size & ((1n << shift) - 1n);
    size >>= shift;
    if (rest > half || (rest === half && size & 1n)) size += 1n;
    exponent += extra;
  }
  let result = Number(size);
  for (; exponent > 0 && result < Infinity; exponent--) result *= 2;
  if (exponent < -1000) [result, exponent] = [result * 2 ** -537, exponent + 537]; // exact or the last step
  return (sum < 0n ? -result : result) * 2 ** exponent;
}
