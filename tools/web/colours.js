// The colours of maps: the walks through OKLab of interp/draw/colour_map.cpp, number for number, so
// that a value has the same colour here and in the pictures of the commands (tests/web compares
// them). Ground "paper": a light page; "terminal": a dark one.

const kSteps = 512;

// L 0 .. 1, C how colourful, hue in degrees; as linear red, green and blue.
function from_oklch(L, C, hue) {
  const a = C * Math.cos(hue * 3.14159265358979 / 180);
  const b = C * Math.sin(hue * 3.14159265358979 / 180);
  const l = (L + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (L - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (L - 0.0894841775 * a - 1.2914855480 * b) ** 3;
  return [4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s];
}

function to_srgb(x) {
  const y = Math.min(Math.max(x, 0), 1);
  return Math.round(255 * (y <= 0.0031308 ? 12.92 * y : 1.055 * y ** (1 / 2.4) - 0.055));
}

function from_srgb(byte) {
  const y = byte / 255;
  return y <= 0.04045 ? y / 12.92 : ((y + 0.055) / 1.055) ** 2.4;
}

// What a screen cannot show is made less colourful until it can; lightness and hue stay.
function shown(L, C, hue) {
  const visible = (x) => x.every((part) => part > -1e-4 && part < 1 + 1e-4);
  let x = from_oklch(L, C, hue);
  while (!visible(x) && C > 0.001) x = from_oklch(L, C *= 0.97, hue);
  return x.map(to_srgb);
}

// From pale yellow over green and blue to a dark violet; on a dark ground the other way round.
function rising(t, ground) {
  const dark = ground === 'paper' ? t : 1 - t;
  const L = ground === 'paper' ? 0.975 - 0.70 * dark : 0.90 - 0.65 * dark;
  const C = 0.03 + 0.115 * Math.sin(3.14159265 * Math.min(0.15 + 0.8 * dark, 1));
  return shown(L, C, 105 + 190 * dark);
}

function diverging(t, ground) {
  const far = Math.abs(2 * t - 1), hue = t < 0.5 ? 45 : 252;
  const L = ground === 'paper' ? 0.975 - 0.475 * far : 0.25 + 0.45 * far;
  return shown(L, 0.18 * far ** 0.8, hue);
}

const kMade = new Map();
function steps_of(map, ground) {
  const key = `${map} ${ground}`;
  if (!kMade.has(key)) {
    const walk = map === 'rising' ? rising : diverging;
    kMade.set(key, Array.from({ length: kSteps + 1 }, (_, i) => walk(i / kSteps, ground)));
  }
  return kMade.get(key);
}

// [r, g, b] of a share 0 .. 1.
export function colour_at(map, share, ground) {
  const clamped = Math.min(Math.max(share, 0), 1);
  return steps_of(map, ground)[Math.round(clamped * kSteps)];
}

// The same of a value within a range; null where there is no value.
export function colour_of(map, [low, high], value, ground) {
  if (Number.isNaN(value)) return null;
  if (!Number.isFinite(value)) return colour_at(map, value > 0 ? 1 : 0, ground);
  return colour_at(map, high > low ? (value - low) / (high - low) : 0, ground);
}

export function css(colour) {
  return '#' + colour.map((part) => part.toString(16).padStart(2, '0')).join('');
}

export function lightness([r8, g8, b8]) {
  const r = from_srgb(r8), g = from_srgb(g8), b = from_srgb(b8);
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return 0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s;
}

// What can be read on it.
export function ink_for(colour) {
  return lightness(colour) > 0.62 ? '#141414' : '#fafafa';
}
