// Numbers: how they travel (base64 of float32), how they are written, and where ticks stand.

// {f32: "..."} as Float32Array.
export function floats(said) {
  const bytes = Uint8Array.from(atob(said.f32), (letter) => letter.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

// All that a float32 holds, and no more.
export function exact(value) {
  if (Number.isNaN(value)) return 'no value';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  return String(Number(value.toPrecision(7)));
}

// As short as a cell: what interp/draw/figure.cpp writes for the same number.
export function short_number(value, largest) {
  if (Number.isNaN(value)) return '';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (value === 0) return '0';
  const most = Math.max(largest, Math.abs(value));
  if (most < 0.005 || most >= 1e6) return value.toExponential(1).replace(/e([+-])(\d)$/, 'e$10$2');
  const digits = value.toFixed(most < 10 ? 2 : most < 100 ? 1 : 0);
  return /^-[0.]*$/.test(digits) ? digits.slice(1) : digits;
}

export function largest_of(values) {
  let most = 0;
  for (const value of values) if (Number.isFinite(value)) most = Math.max(most, Math.abs(value));
  return most;
}

// "64 x 16", never on two lines.
export function shape_words(shape) {
  return shape.join('\u00a0x\u00a0');
}

export function count(n) {
  return n.toLocaleString('en-US');
}

// Steps of 1, 2 or 5 times a power of ten, at most `most` ticks.
export function ticks_of(low, high, most = 6) {
  if (!(high > low)) return [low];
  let power = 10 ** (Math.floor(Math.log10((high - low) / most)) - 1);
  let step = power, at = 0;
  while ((high - low) / step > most) {
    at += 1;
    step = power * [1, 2, 5][at % 3] * 10 ** Math.floor(at / 3);
  }
  const ticks = [];
  for (let k = Math.ceil(low / step - 1e-9); k <= high / step + 1e-9; ++k) {
    ticks.push(Number((k * step).toPrecision(12)));
  }
  return ticks;
}

export function log_ticks_of(low, high, most = 6) {
  const first = Math.floor(Math.log10(low)), last = Math.ceil(Math.log10(high));
  const factors = (last - first) * 3 <= most + 2 ? [1, 2, 5] : [1];
  const ticks = [];
  for (let power = first; power <= last; ++power) {
    for (const factor of factors) {
      const tick = factor * 10 ** power;
      if (tick >= low * 0.9999 && tick <= high * 1.0001) ticks.push(tick);
    }
  }
  return ticks.length > 1 ? ticks : ticks_of(low, high, most);
}

export function tick_label(value, ticks) {
  const step = ticks.length > 1 ? Math.abs(ticks[1] - ticks[0]) : Math.abs(value) || 1;
  if (Math.abs(value) >= 1e9) return value.toExponential(1);
  const decimals = Math.max(0, Math.min(8, -Math.floor(Math.log10(step) + 1e-9)));
  return value.toLocaleString('en-US',
    { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}
