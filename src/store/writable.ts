declare const WRITABLE: unique symbol;

/** A store that may be changed, because the checks of the run were made. The methods that change tasks need one. */
export type Writable<T> = T & { readonly [WRITABLE]: true };

/** Only for `preflight`, and for the library, which checks each connection (an import rule). */
export function writable<T>(store: T): Writable<T> {
  return store as Writable<T>;
}
