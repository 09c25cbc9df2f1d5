// The mean of a stream of numbers.

/** 2^900: it takes 2^123 smaller numbers to overflow their sum. */
const HUGE = 2 ** 900;

/** A power of two, so that scaling by it loses nothing of a huge number. */
const SCALE = 2 ** -100;

/**
 * A mean of finite numbers that stays accurate whatever their number, order and size: the sums are compensated (Neumaier
 * 1974), and numbers so large that a sum of them could overflow have a sum of their own, in which they are scaled down.
 */
export class Mean {
  /** How many numbers there were. */
  count = 0;
  private readonly usual = new Sum();
  private readonly huge = new Sum();

  add(number: number): void {
    this.count += 1;
    if (Math.abs(number) < HUGE) this.usual.add(number);
    else this.huge.add(number * SCALE);
  }

  /** Their mean, if there were any. */
  get mean(): number | undefined {
    if (this.count === 0) return undefined;
    const mean = this.huge.total / this.count / SCALE + this.usual.total / this.count;
    // Rounding can take it past the largest double, from there to infinity.
    return Math.min(Math.max(mean, -Number.MAX_VALUE), Number.MAX_VALUE);
  }
}

class Sum {
  private sum = 0;
  private lost = 0;

  add(number: number): void {
    const sum = this.sum + number;
    const [large, small] = Math.abs(this.sum) >= Math.abs(number) ? [this.sum, number] : [number, this.sum];
    this.lost += large - sum + small;
    this.sum = sum;
  }

  get total(): number {
    return this.sum + this.lost;
  }
}
