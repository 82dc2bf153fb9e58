/** What clients can make the server do. docs/http.md has the same table. */
export const LIMITS = {
  connections: 512,
  /** Requests of one connection that have no answer yet. */
  pipelined: 64,
  headersBytes: 16 << 10,
  headers: 100,
  headersS: 10,
  /** Headers and body. */
  requestS: 30,
  /** A client that doesn't read for this long; players request the rest again. */
  silentS: 120,
  /** Room for 100,000 ids. */
  bodyBytes: 8 << 20,
  /** More chunks than these must have so many bytes on average. */
  chunks: 1000,
  meanChunk: 64,
  /** Clients without a token may send it. */
  loginBytes: 4 << 10,
  /** Of all bodies of more than 64 KiB that are arriving, or wait for their answer. */
  bodiesBytes: 128 << 20,
  /** Requests that wait for their turn, of each kind. */
  waiting: 256,
  /** Less than the time that a body has to come in. */
  waitS: 20,
  /** Bytes of answers that clients don't read. */
  unsent: 8 << 20,
  streams: 32,
  /** Of browsers. */
  sessions: 1000,
  /** Of one address, in a minute. */
  wrongTokens: 10,
} as const;
