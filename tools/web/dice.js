// Chance that can be repeated: the same seed throws the same dice.

// No 0 and O, no 1, l and I: one cannot tell them apart.
const kLetters = 'abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789';

export class Dice {
  constructor(seed) {
    this.seed = seed;
    this.state = Math.imul(seed + 1, 0x9e3779b1) || 1;   // neighbours begin far apart
    for (let i = 0; i < 8; ++i) this.next();
  }

  next() {   // in [0, 1): Marsaglia's xorshift of 32 bits
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    return (this.state >>> 0) / 2 ** 32;
  }

  between(low, high) { return low + Math.floor(this.next() * (high - low + 1)); }
  one_of(list) { return list[this.between(0, list.length - 1)]; }

  shuffled(list) {
    const all = [...list];
    for (let i = all.length - 1; i > 0; --i) {
      const j = this.between(0, i);
      [all[i], all[j]] = [all[j], all[i]];
    }
    return all;
  }

  // Different letters and digits, none of them in `but`.
  letters(count, but = []) {
    return this.shuffled(Array.from(kLetters).filter((one) => !but.includes(one))).slice(0, count);
  }
}
