// Dice with a seed: the same expressions on every machine.

const MASK = 0xffffffffffffffffn;

/** SplitMix64. */
export class Dice {
  constructor(seed) {
    this.state = (BigInt(seed) * 0xd1342543de82ef95n + 0x2545f4914f6cdd1dn) & MASK;
  }

  /** A number from 0 (included) to 1 (excluded). */
  next() {
    this.state = (this.state + 0x9e3779b97f4a7c15n) & MASK;
    let mixed = this.state;
    mixed = ((mixed ^ (mixed >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
    mixed = ((mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn) & MASK;
    return Number((mixed ^ (mixed >> 31n)) >> 11n) / 2 ** 53;
  }

  /** A whole number below `end`. */
  below(end) {
    return Math.floor(this.next() * end);
  }

  pick(choices) {
    return choices[this.below(choices.length)];
  }

  /** Whether it happens, with this probability. */
  happens(probability) {
    return this.next() < probability;
  }

  /** So many of what `make` makes. */
  several(count, make) {
    return Array.from({ length: count }, make);
  }
}
