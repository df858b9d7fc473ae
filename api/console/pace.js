// How many records a second a job is scored at just now.

const SECONDS = 5;

export class Pace {
  #seen = [];

  /** Records a second over the last few seconds; null as long as that cannot be said. */
  after(job) {
    const now = performance.now() / 1000;
    this.#seen.push([now, job.progress * job.records.total]);
    while (this.#seen.length > 2 && now - this.#seen[0][0] > SECONDS) this.#seen.shift();
    const [began, first] = this.#seen[0];
    const [, last] = this.#seen.at(-1);
    return now - began > 0.2 ? (last - first) / (now - began) : null;
  }
}
