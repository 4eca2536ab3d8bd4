// What the exercises have words for: models with a known circuit, what a token can be to another,
// and what a price says.

// Those whose last layer does something with a text of a dozen letters.
export const kCircuits = ['induction', 'soft', 'induction-ln', 'twins', 'anti-copy', 'detour',
  'duplicate', 'uniform'];

// Detectors of `glass interp heads`, and what they look for.
export const ways_to_look = [['previous', 'at the token before'],
  ['duplicate', 'at the earlier selves of a token'],
  ['induction', 'at the token behind an earlier self']];

// What token k is to token q of a text.
export function relation(tokens, q, k) {
  const self = tokens[q];
  if (k === q) return 'itself';
  if (tokens[k] === self) return `an earlier ${self}`;
  if (k > 0 && tokens[k - 1] === self) return `the token behind an earlier ${self}`;
  if (k > 1 && tokens[k - 2] === self) return `the second token behind an earlier ${self}`;
  if (k === q - 1) return 'the token before';
  return `the token ${q - k} back`;
}

// [word, label, up to which part of what guessing costs]
export const price = [
  ['little', 'next to nothing: it knows what comes', 0.25],
  ['some', 'less than guessing: it has an idea', 0.75],
  ['guess', 'about what guessing costs', 1.25],
  ['more', 'more than guessing: it is sure of something wrong', Infinity],
];
