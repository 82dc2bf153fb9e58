import { signal } from "@preact/signals";

/** Which rows are open, by key; a refresh leaves them so. */
export class Opened {
  readonly #keys = signal<ReadonlySet<string>>(new Set());

  has(key: string): boolean {
    return this.#keys.value.has(key);
  }

  toggle(key: string): void {
    const keys = new Set(this.#keys.value);
    if (!keys.delete(key)) keys.add(key);
    this.#keys.value = keys;
  }

  open(key: string): void {
    if (!this.has(key)) this.toggle(key);
  }

  close(key: string): void {
    if (this.has(key)) this.toggle(key);
  }
}
