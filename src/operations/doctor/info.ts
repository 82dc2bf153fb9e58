/** The fields of a section of INFO. */
export type Info = ReadonlyMap<string, string>;

/** That of one node. */
export interface NodeInfo {
  readonly where: string;
  readonly info: Info;
}

export function parseInfo(text: string): Info {
  const lines = text.split(/\r?\n/).filter((line) => line.includes(":") && !line.startsWith("#"));
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1)]));
}

/** A number of INFO; 0 where the server does not tell it. */
export function numberOf(info: Info, field: string): number {
  const value = Number(info.get(field) ?? "0");
  return Number.isFinite(value) ? value : 0;
}

/** Whether a version such as `7.2.4` is at least `major.minor`. */
export function isAtLeast(version: string, major: number, minor: number): boolean {
  const [theirMajor = 0, theirMinor = 0] = version.split(".").map(Number);
  return theirMajor > major || (theirMajor === major && theirMinor >= minor);
}

/** The databases that hold keys, from the keyspace section. */
export function databasesOf(info: Info): number[] {
  return [...info.keys()].flatMap((name) => {
    const number = /^db(\d+)$/.exec(name)?.[1];
    return number === undefined ? [] : [Number(number)];
  });
}
