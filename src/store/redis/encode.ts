import { MOST_BYTES, writeText } from "../utf8.ts";

/** The most bytes that the head of an argument (`$`, its length, a line end) and the line end after it take. */
const FRAME = 16;
/** What a mark and a line end take. */
const HEAD = 3;
/** The most characters that a number has as text. */
const MOST_DIGITS = 24;
const [CR, LF, STAR, DOLLAR, ZERO] = [0x0d, 0x0a, 0x2a, 0x24, 0x30];

type Arg = string | number;

/** Commands are written here first, where there is room for the most that they may take; what is larger gets room of its own. */
const scratch = Buffer.allocUnsafeSlow(1 << 20);
/** From this size on, in bytes, a command gets a room that is used again: new ones would pile up until V8 looks. */
const ROOM = 1 << 14;
const spare: Buffer[] = [];
const MOST_SPARE = 4;

/**
 * A command in the protocol of Redis (RESP), in one buffer. A batch of hundreds of tasks has thousands of arguments:
 * written straight into bytes they cost a fraction of what strings joined and encoded later do.
 * @param groups its words, one after the other
 */
export function encodeCommand(...groups: readonly (readonly Arg[])[]): Buffer {
  let most = FRAME;
  for (const group of groups) most += mostBytes(group);
  const bytes = roomFor(most);
  let count = 0;
  for (const group of groups) count += group.length;
  let at = writeHead(bytes, 0, STAR, count);
  for (const group of groups) at = writeArgs(bytes, at, group);
  return at < ROOM || bytes !== scratch ? copied(bytes, at) : moved(at);
}

/** Commands one after the other, in one buffer. */
export function encodeCommands(commands: readonly (readonly Arg[])[]): Buffer {
  let most = 0;
  for (const command of commands) most += FRAME + mostBytes(command);
  const bytes = roomFor(most);
  let at = 0;
  for (const command of commands) at = writeArgs(bytes, writeHead(bytes, at, STAR, command.length), command);
  return copied(bytes, at);
}

function roomFor(most: number): Buffer {
  return most <= scratch.length ? scratch : Buffer.allocUnsafeSlow(most);
}

function copied(bytes: Buffer, length: number): Buffer {
  return bytes === scratch ? Buffer.from(bytes.subarray(0, length)) : bytes.subarray(0, length);
}

/** What stands in `scratch`, in a room that may be given back. */
function moved(length: number): Buffer {
  const room = spare.pop() ?? Buffer.allocUnsafeSlow(scratch.length);
  scratch.copy(room, 0, 0, length);
  return room.subarray(0, length);
}

/** Gives back the room of a command whose bytes nobody reads any more. Once for each, and not of several encoded together. */
export function giveBack(bytes: Buffer): void {
  const isRoom = bytes.length >= ROOM && bytes.buffer.byteLength === scratch.length;
  if (isRoom && spare.length < MOST_SPARE) spare.push(Buffer.from(bytes.buffer));
}

function mostBytes(args: readonly Arg[]): number {
  let most = 0;
  for (const arg of args) most += FRAME + (typeof arg === "number" ? MOST_DIGITS : arg.length * MOST_BYTES);
  return most;
}

function writeArgs(bytes: Buffer, from: number, args: readonly Arg[]): number {
  let at = from;
  for (const arg of args) at = writeArg(bytes, at, typeof arg === "string" ? arg : `${arg}`);
  return at;
}

/** The length comes first and is known last: the text is written behind as many digits as its length has most likely. */
function writeArg(bytes: Buffer, at: number, text: string): number {
  const guess = at + digitsOf(text.length) + HEAD;
  const length = writeText(bytes, guess, text);
  const from = at + digitsOf(length) + HEAD;
  if (from !== guess) bytes.copyWithin(from, guess, guess + length);
  writeHead(bytes, at, DOLLAR, length);
  return writeLineEnd(bytes, from + length);
}

function writeLineEnd(bytes: Buffer, at: number): number {
  bytes[at] = CR;
  bytes[at + 1] = LF;
  return at + 2;
}

function digitsOf(number: number): number {
  let digits = 1;
  for (let rest = number; rest >= 10; rest = Math.trunc(rest / 10)) digits++;
  return digits;
}

/** A mark, a number and a line end. */
function writeHead(bytes: Buffer, at: number, mark: number, number: number): number {
  bytes[at] = mark;
  const digits = digitsOf(number);
  let rest = number;
  for (let i = digits; i > 0; i--) {
    bytes[at + i] = ZERO + (rest % 10);
    rest = Math.trunc(rest / 10);
  }
  return writeLineEnd(bytes, at + digits + 1);
}
